// When to try again.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "herdbook/config.h"
#include "herdbook/error.h"

namespace herdbook {

// How long to wait after the failure of an attempt (0, 1, …): as the server advises, or else up to twice as long each time,
// anywhere in the upper half, so that clients that lost a server together do not come back together.
std::chrono::milliseconds pause_after(const Error& error, int attempt);

// The error, or one that says where no server was reached.
grpc::Status described(const grpc::Status& status, const Error& error, const Config& config);

// Tries until it works or fails for good, for as long as the configuration is patient since it last got on. The attempt says
// whether it did.
void persist(const Config& config, const std::function<grpc::Status(bool& got_on)>& attempt);

// 26 random letters and digits.
std::string random_name();

}  // namespace herdbook
