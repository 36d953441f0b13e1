// Where the server is, and how to call it.
#pragma once

#include <chrono>
#include <string>

namespace herdbook {

struct Config {
  // Of the server, such as https://herdbook.example.com.
  std::string url = "http://127.0.0.1:5757";
  // To call with, such as hbk_…; none if empty.
  std::string token;
  // To work in; that of the token if empty.
  std::string workspace;
  // A PEM file with the certificates to trust; those of the system if empty.
  std::string ca_file;
  // How long calls are tried again while the server is away.
  std::chrono::milliseconds patience = std::chrono::seconds(30);

  // Reads HERDBOOK_URL, HERDBOOK_TOKEN, HERDBOOK_WORKSPACE and HERDBOOK_CA_FILE.
  static Config from_env();
};

}  // namespace herdbook
