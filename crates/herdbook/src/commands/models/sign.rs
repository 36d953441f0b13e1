//! `herdbook models keygen`, `sign`, `signatures` and `verify`.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use clap::Args;
use herdbook_proto::registry::v1::{
    AddSignatureRequest, ListSignaturesRequest, ListSignaturesResponse, ResolveVersionResponse,
    Signature, signature_service_client::SignatureServiceClient,
};
use herdbook_registry::{PrivateKey, PublicKey, Statement};

use super::{
    download::{Place, check_server},
    files::{entries, resolve},
};
use crate::{cli::Output, connection::Connection, exit::Failure, output};

const SIGNATURE: &str = "herdbook.registry.v1.Signature";

/// Make a key to sign versions with: FILE for whoever signs, FILE.pub for policies and whoever verifies.
///
/// Ed25519, as PEM, as OpenSSL writes it too: openssl genpkey -algorithm ed25519.
///
/// Example: herdbook models keygen release.pem
#[derive(Debug, Args)]
pub(crate) struct Keygen {
    /// The file of the private key; it must not be there yet.
    file: PathBuf,
}

/// Sign the files of a version, and keep the signature in the registry for good.
///
/// Example: herdbook models sign fraud-detector@Staging --key release.pem --files ./model
#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The version, such as model/3 or model@Staging.
    pub(super) reference: String,
    /// The private key, as PEM.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Check first that the files in this folder are those of the version: otherwise the server is
    /// believed.
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
}

/// Check the files in a folder against a version, and the signatures of the version.
///
/// Ends with 8 if a file or a signature is not what it should be, with 4 if a key of --key did not sign,
/// with 3 if a file is missing.
///
/// Example: herdbook models verify fraud-detector@Production --files ./model --key release.pem.pub
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The version, such as model/3 or model@Production.
    pub(super) reference: String,
    /// The folder, as `herdbook models download` left it; if none is given, what the server has is read
    /// and checked.
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
    /// A public key that must have signed; may be repeated.
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
}

fn read(file: &Path) -> Result<String, Failure> {
    let unreadable = |error| Failure::usage(format!("{}: {error}", file.display()));
    fs::read_to_string(file).map_err(unreadable)
}

pub(super) fn keygen(options: &Keygen) -> Result<(), Failure> {
    let key = PrivateKey::generate();
    let file = &options.file;
    let mut public = file.clone().into_os_string();
    public.push(".pub");
    let public = PathBuf::from(public);
    for (file, pem, mode) in [
        (file, key.to_pem(), 0o600),
        (&public, key.public().to_pem(), 0o644),
    ] {
        let mut create = fs::OpenOptions::new();
        let opened = create.write(true).create_new(true).mode(mode).open(file);
        let unwritten = |error| Failure::failed(format!("{}: {error}", file.display()));
        opened
            .and_then(|mut opened| opened.write_all(pem.as_bytes()))
            .map_err(unwritten)?;
    }
    writeln!(
        std::io::stdout(),
        "{}  {}  {}",
        file.display(),
        public.display(),
        key.public().id()
    )?;
    Ok(())
}

pub(super) async fn sign(
    connection: Connection,
    output: Output,
    options: Sign,
) -> Result<(), Failure> {
    let key = PrivateKey::from_pem(&read(&options.key)?)
        .map_err(|error| Failure::usage(format!("{}: {error}", options.key.display())))?;
    let found = resolve(connection.clone(), options.reference).await?;
    if let Some(folder) = &options.files {
        check_folder(&found, folder).await?;
    }
    let request = AddSignatureRequest {
        envelope: statement(&found)?.sign(&key).to_json(),
        public_key: key.public().to_pem(),
        model: found.model,
        version: found.version,
    };
    let mut client = SignatureServiceClient::new(connection);
    let added = client.add_signature(request).await?.into_inner().signature;
    output::print(output, SIGNATURE, &added.unwrap_or_default(), line)
}

pub(super) async fn list(
    connection: Connection,
    output: Output,
    reference: String,
) -> Result<(), Failure> {
    let found = resolve(connection.clone(), reference).await?;
    let signatures = signatures(connection, &found).await?;
    let name = "herdbook.registry.v1.ListSignaturesResponse";
    output::print(output, name, &signatures, |signatures| {
        let lines: Vec<_> = signatures.signatures.iter().map(line).collect();
        lines.join("\n")
    })
}

pub(super) async fn verify(connection: Connection, options: Verify) -> Result<(), Failure> {
    let mut wanted = Vec::new();
    for file in &options.keys {
        let key = PublicKey::from_pem(&read(file)?);
        let key = key.map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
        wanted.push((file, key));
    }
    let found = resolve(connection.clone(), options.reference).await?;
    let version = format!("{}/{}", found.model, found.version);
    match &options.files {
        Some(folder) => check_folder(&found, folder).await?,
        None => check_server(connection.clone(), &found).await?,
    }
    let statement = statement(&found)?;
    let mut signed = Vec::new();
    for signature in signatures(connection, &found).await?.signatures {
        let key = PublicKey::from_pem(&signature.public_key).map_err(Failure::damaged)?;
        let holds = statement.verify(&key, &signature.signature);
        holds.map_err(|error| {
            Failure::damaged(format!("{version}: the signature of {} {error}", key.id()))
        })?;
        signed.push(key);
    }
    for (file, key) in &wanted {
        if !signed.contains(key) {
            let (file, id) = (file.display(), key.id());
            return Err(Failure::refused(format!(
                "{version} is not signed by {file} ({id})"
            )));
        }
    }
    let mut out = std::io::stdout();
    let files = found.files.len();
    writeln!(
        out,
        "{version}  {}  {files} files are what they should be",
        found.digest
    )?;
    for key in signed {
        let asked = wanted.iter().any(|(_, wanted)| *wanted == key);
        let trusted = if asked {
            ""
        } else {
            "  (not asked for by --key)"
        };
        writeln!(out, "signed by {}{trusted}", key.id())?;
    }
    Ok(())
}

/// What is signed of a version.
fn statement(found: &ResolveVersionResponse) -> Result<Statement, Failure> {
    let files = entries(&found.files)?;
    Ok(Statement::of(&found.model, found.version, &files))
}

async fn signatures(
    connection: Connection,
    found: &ResolveVersionResponse,
) -> Result<ListSignaturesResponse, Failure> {
    let request = ListSignaturesRequest {
        model: found.model.clone(),
        version: found.version,
    };
    let mut client = SignatureServiceClient::new(connection);
    Ok(client.list_signatures(request).await?.into_inner())
}

/// Checks that the files in `folder` are those of a version.
async fn check_folder(found: &ResolveVersionResponse, folder: &Path) -> Result<(), Failure> {
    for file in &found.files {
        let place = Place::of(file, folder)?;
        if !place.whole.exists() {
            let place = place.whole.display();
            return Err(Failure::not_found(format!("{place} is missing")));
        }
        if !place.is_whole().await? {
            let (place, digest) = (place.whole.display(), &file.digest);
            return Err(Failure::damaged(format!(
                "{place} does not have the digest {digest}"
            )));
        }
    }
    Ok(())
}

fn line(signature: &Signature) -> String {
    let Signature {
        key_id, added_by, ..
    } = signature;
    let ago = output::ago(signature.added_at.as_ref());
    format!("{key_id}  added by {added_by}  {ago}")
}
