#include <algorithm>
#include <istream>
#include <ostream>
#include <vector>

#include "herdbook/client.h"
#include "herdbook/registry/v1/version.grpc.pb.h"
#include "herdbook/tracking/v1/artifact.grpc.pb.h"
#include "patience.h"
#include "sha256.h"

namespace herdbook {

using common::v1::File;

namespace {

// Bytes of a file in one message.
constexpr std::size_t kChunkBytes = 1 << 20;

// The next bytes, as many as fit; none at the end.
std::size_t read(std::istream& content, std::vector<char>& chunk) {
  content.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
  if (content.bad()) throw std::runtime_error("the content cannot be read");
  return static_cast<std::size_t>(content.gcount());
}

void rewind(std::istream& content, std::istream::pos_type start) {
  content.clear();
  if (!content.seekg(start)) throw std::invalid_argument("the content is read twice: give a stream that can be rewound");
}

// Reads a file from the offset on, over as many streams as that takes: `open` begins one, whose parts are the file's facts,
// then its bytes.
template <class Response, class Open>
File download(const Config& config, std::ostream& into, const Open& open) {
  std::optional<File> file;
  std::int64_t written = 0;
  Sha256 hash;
  persist(config, [&](bool& got_on) {
    grpc::ClientContext context;
    const auto parts = open(context, written);
    Response part;
    while (parts->Read(&part)) {
      if (part.has_file()) {
        if (file && file->digest() != part.file().digest()) {
          context.TryCancel();
          throw std::runtime_error(part.file().path() + " was replaced while it was read; read it again");
        }
        file = part.file();
      }
      hash.update(part.chunk().data(), part.chunk().size());
      if (!into.write(part.chunk().data(), static_cast<std::streamsize>(part.chunk().size()))) {
        context.TryCancel();
        throw std::runtime_error("the content cannot be written");
      }
      written += static_cast<std::int64_t>(part.chunk().size());
      got_on = true;
    }
    return parts->Finish();
  });
  if (!file || hash.digest() != file->digest()) {
    throw std::runtime_error("the file arrived as " + hash.digest() + ", not as it was sent; read it again");
  }
  return *file;
}

}  // namespace

File Client::upload_artifact(const std::string& run_id, const std::string& path, std::istream& content) const {
  const auto start = content.tellg();
  std::vector<char> chunk(kChunkBytes);
  Sha256 hash;
  std::int64_t size = 0;
  while (const auto count = read(content, chunk)) {
    hash.update(chunk.data(), count);
    size += static_cast<std::int64_t>(count);
  }
  tracking::v1::UploadArtifactRequest header;
  header.mutable_header()->set_run_id(run_id);
  header.mutable_header()->set_path(path);
  header.mutable_header()->set_digest(hash.digest());
  header.mutable_header()->set_size(size);
  tracking::v1::UploadArtifactResponse answer;
  tracking::v1::ArtifactService::Stub stub(channel_);
  persist(config_, [&](bool&) {
    rewind(content, start);
    grpc::ClientContext context;
    prepare(context);
    const auto call = stub.UploadArtifact(&context, &answer);
    bool stands = call->Write(header);
    tracking::v1::UploadArtifactRequest request;
    for (std::size_t count; stands && (count = read(content, chunk)) > 0;) {
      request.set_chunk(chunk.data(), count);
      stands = call->Write(request);
    }
    // Why a message could not be sent is in the answer.
    call->WritesDone();
    return call->Finish();
  });
  return answer.file();
}

File Client::download_artifact(const std::string& run_id, const std::string& path, std::ostream& into) const {
  tracking::v1::ArtifactService::Stub stub(channel_);
  return download<tracking::v1::DownloadArtifactResponse>(config_, into, [&](grpc::ClientContext& context, std::int64_t offset) {
    tracking::v1::DownloadArtifactRequest request;
    request.set_run_id(run_id);
    request.set_path(path);
    request.set_offset(offset);
    prepare(context);
    return stub.DownloadArtifact(&context, request);
  });
}

File Client::download_version_file(const std::string& reference, const std::string& path, std::ostream& into) const {
  registry::v1::VersionService::Stub stub(channel_);
  return download<registry::v1::DownloadVersionFileResponse>(config_, into, [&](grpc::ClientContext& context, std::int64_t offset) {
    registry::v1::DownloadVersionFileRequest request;
    request.set_reference(reference);
    request.set_path(path);
    request.set_offset(offset);
    prepare(context);
    return stub.DownloadVersionFile(&context, request);
  });
}

}  // namespace herdbook
