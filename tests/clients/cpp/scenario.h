// What every client of Herdbook has to be able to do.
#pragma once

#include <herdbook/client.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

class Scenario {
 public:
  Scenario();

  using Step = std::function<std::string()>;
  // The steps by their names, each of which says what it did, or throws.
  std::vector<std::pair<std::string, Step>> steps();

 private:
  std::string connect();
  std::string create();
  std::string params();
  std::string artifact();
  std::string curve();
  std::string search();
  std::string register_version();
  std::string refused();
  std::string granted();
  std::string watch();
  std::string lineage();
  std::string delete_run();
  // The troubles.
  std::string tls();
  std::string log(const std::string& key, const std::string& trouble);
  std::string deadline();
  std::string too_large();
  std::string newer();
  std::string older();
  std::string token();
  std::string nobody();

  void accuracy(double value, std::int64_t step);
  herdbook::registry::v1::Outcome promote();

  herdbook::Client client_;
  std::string name_, run_, model_;
  std::int64_t experiment_ = 0;
  herdbook::registry::v1::Version version_;
};

// A client of the server of a later contract.
herdbook::Client future();

// Calls with this token, which has to be refused.
void unauthenticated(const std::string& token);
