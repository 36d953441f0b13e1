//! Generates the Rust code of the contract, with a protoc written in Rust: no protoc is needed.

use std::{env, error::Error, fmt::Write as _, fs, path::PathBuf};

use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorSet, MethodDescriptorProto};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("proto");
    let files = proto_files(&root.join("herdbook"))?;
    println!("cargo:rerun-if-changed={}", root.display());

    let mut compiler = protox::Compiler::new([&root])?;
    compiler
        .include_source_info(true)
        .include_imports(true)
        .open_files(&files)?;

    // Encoded by protox itself: prost-types would drop the custom options.
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(
        out.join("descriptor.bin"),
        compiler.encode_file_descriptor_set(),
    )?;

    let descriptors = FileDescriptorSet::decode(&*compiler.encode_file_descriptor_set())?;
    fs::write(out.join("calls.rs"), calls(&descriptors)?)?;
    tonic_prost_build::configure()
        .bytes(".")
        .btree_map(".")
        .build_transport(false)
        .compile_fds(descriptors)?;
    Ok(())
}

/// All `.proto` files below `folder`, sorted so that builds repeat.
fn proto_files(folder: &PathBuf) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(proto_files(&path)?);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "proto")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// What each request with one answer is a request of: the trait `Call` for all of them.
fn calls(descriptors: &FileDescriptorSet) -> Result<String, Box<dyn Error>> {
    let mut code = String::new();
    for file in &descriptors.file {
        for service in &file.service {
            let client = format!("{}_client::{}Client", snake(service.name()), service.name());
            let unary = service.method.iter();
            for method in
                unary.filter(|method| !method.client_streaming() && !method.server_streaming())
            {
                let request = method.input_type();
                let message = (descriptors.file.iter())
                    .flat_map(|file| file.message_type.iter().map(move |found| (file, found)))
                    .find(|(file, found)| {
                        request == format!(".{}.{}", file.package(), found.name())
                    })
                    .ok_or_else(|| format!("{request} is no message of the contract"))?
                    .1;
                call(&mut code, file.package(), &client, method, message)?;
            }
        }
    }
    Ok(code)
}

fn call(
    code: &mut String,
    package: &str,
    client: &str,
    method: &MethodDescriptorProto,
    request: &DescriptorProto,
) -> Result<(), std::fmt::Error> {
    let path = |name: &str| format!("crate{}", name.replace("herdbook.", "").replace('.', "::"));
    let has = |name| request.field.iter().any(|field| field.name() == name);
    let request_id = match (has("request_id"), has("position")) {
        (false, _) => "None",
        (true, false) => "Some(&mut self.request_id)",
        // A position is a key of its own.
        (true, true) => "self.position.is_none().then_some(&mut self.request_id)",
    };
    let package = path(&format!(".{package}"));
    write!(
        code,
        "impl Call for {request} {{
    type Answer = {answer};
    fn request_id(&mut self) -> Option<&mut String> {{ {request_id} }}
    async fn send<T: Transport>(self, transport: T) -> Result<tonic::Response<Self::Answer>, tonic::Status> {{
        {package}::{client}::new(transport).max_decoding_message_size(MESSAGE_BYTES).{rpc}(self).await
    }}
}}
",
        request = path(method.input_type()),
        answer = path(method.output_type()),
        rpc = snake(method.name()),
    )
}

/// `GetRun` as `get_run`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
