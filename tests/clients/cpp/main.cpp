// The conformance scenario by the C++ client: a line of JSON a step, for tests/clients/conformance.
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <chrono>
#include <iostream>
#include <stdexcept>

#include "runner.h"
#include "scenario.h"

using google::protobuf::Struct;

namespace {

void say(const Struct& line) {
  std::string text;
  const auto written = google::protobuf::util::MessageToJsonString(line, &text);
  if (!written.ok()) throw std::runtime_error("cannot be written: " + written.ToString());
  std::cout << text << std::endl;
}

}  // namespace

std::map<std::string, std::string> ask(const std::string& what) {
  Struct line;
  (*line.mutable_fields())["ask"].set_string_value(what);
  say(line);
  std::string text;
  Struct answer;
  if (!std::getline(std::cin, text) || !google::protobuf::util::JsonStringToMessage(text, &answer).ok()) {
    throw std::runtime_error("the runner does not answer: " + text);
  }
  std::map<std::string, std::string> found;
  for (const auto& [name, value] : answer.fields()) found[name] = value.string_value();
  return found;
}

void expect(bool holds, const std::string& detail) {
  if (!holds) throw std::runtime_error(detail);
}

int main() {
  Scenario scenario;
  for (const auto& [name, step] : scenario.steps()) {
    const auto began = std::chrono::steady_clock::now();
    bool passed = false;
    std::string detail;
    try {
      detail = step();
      passed = true;
    } catch (const std::exception& error) {
      detail = error.what();
    }
    Struct line;
    auto& fields = *line.mutable_fields();
    fields["step"].set_string_value(name);
    fields["passed"].set_bool_value(passed);
    fields["detail"].set_string_value(detail);
    fields["seconds"].set_number_value(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
    say(line);
    if (!passed) return 1;
  }
  return 0;
}
