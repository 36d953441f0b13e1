#include "herdbook/config.h"

#include <cstdlib>

namespace herdbook {

Config Config::from_env() {
  Config config;
  auto read = [](const char* variable, std::string& into) {
    if (const char* value = std::getenv(variable); value != nullptr && *value != '\0') into = value;
  };
  read("HERDBOOK_URL", config.url);
  read("HERDBOOK_TOKEN", config.token);
  read("HERDBOOK_WORKSPACE", config.workspace);
  read("HERDBOOK_CA_FILE", config.ca_file);
  return config;
}

}  // namespace herdbook
