// The line to the runner of the scenario.
#pragma once

#include <map>
#include <string>

// Has the runner do something to the server or the network, and returns what it answers.
std::map<std::string, std::string> ask(const std::string& what);

// Fails with the detail unless it holds.
void expect(bool holds, const std::string& detail);
