//! Signatures of versions: an in-toto statement (v1, github.com/in-toto/attestation) in a DSSE envelope
//! (github.com/secure-systems-lab/dsse, protocol 1.0), with Ed25519 (RFC 8032).
//!
//! The statement follows from the version, byte by byte, so that a signature of 64 bytes is all that has to
//! be kept of one, and whoever knows the files can check it.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ed25519_dalek::{
    SECRET_KEY_LENGTH, Signature, Signer as _, SigningKey, VerifyingKey,
    pkcs8::{
        DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
        KeypairBytes, spki::der::pem::LineEnding,
    },
};
use herdbook_core::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "urn:herdbook:model-version:v1";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// What is signed of a version: JSON, as the contract shows it at `SignatureService`, with strings as in
/// RFC 8785.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement(String);

#[derive(Serialize)]
struct Content<'a> {
    #[serde(rename = "_type")]
    kind: &'a str,
    subject: Vec<Subject<'a>>,
    #[serde(rename = "predicateType")]
    predicate_type: &'a str,
    predicate: Predicate<'a>,
}

#[derive(Serialize)]
struct Subject<'a> {
    name: &'a str,
    digest: Sha256Of,
}

#[derive(Serialize)]
struct Sha256Of {
    sha256: String,
}

#[derive(Serialize)]
struct Predicate<'a> {
    model: &'a str,
    version: i64,
    digest: String,
}

/// An envelope of DSSE, as JSON has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct EnvelopeSignature {
    #[serde(default)]
    keyid: String,
    sig: String,
}

/// The public key of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// The private key of a signature.
pub struct PrivateKey(SigningKey);

/// An envelope, key or signature that is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSignature {
    /// Not an envelope.
    #[error(
        "is not a DSSE envelope as JSON with one signature; make one with `herdbook models sign`"
    )]
    Malformed,
    /// An envelope of something else.
    #[error("holds another statement than that of this version and its files; sign this one")]
    OtherStatement,
    /// Not made by the key over the statement.
    #[error("is not signed by this key; give the public key of the one that signed it")]
    OtherKey,
    /// Not a key.
    #[error("is not an Ed25519 public key as PEM; `herdbook models keygen` writes one")]
    PublicKey,
    /// Not a private key.
    #[error(
        "is not an Ed25519 private key as PEM (PKCS#8); make one with `herdbook models keygen`"
    )]
    PrivateKey,
}

impl Statement {
    /// The statement about a version with these files: path, size in bytes, digest.
    #[must_use]
    pub fn of(model: &str, version: i64, files: &[(&str, u64, Digest)]) -> Self {
        let subjects = files.iter().map(|(name, _, digest)| Subject {
            name,
            digest: Sha256Of {
                sha256: digest.to_hex(),
            },
        });
        let content = Content {
            kind: STATEMENT_TYPE,
            subject: subjects.collect(),
            predicate_type: PREDICATE_TYPE,
            predicate: Predicate {
                model,
                version,
                digest: crate::manifest_digest(files.iter().copied()).to_string(),
            },
        };
        // Texts and numbers alone, which cannot fail.
        Self(serde_json::to_string(&content).unwrap_or_default())
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Signs it.
    #[must_use]
    pub fn sign(&self, key: &PrivateKey) -> Envelope {
        let signature = key.0.sign(&self.encoded());
        let public = PublicKey(key.0.verifying_key());
        Envelope {
            payload: BASE64.encode(&self.0),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![EnvelopeSignature {
                keyid: public.id().to_string(),
                sig: BASE64.encode(signature.to_bytes()),
            }],
        }
    }

    /// Whether `key` signed it so.
    pub fn verify(&self, key: &PublicKey, signature: &[u8]) -> Result<(), InvalidSignature> {
        let signature = Signature::from_slice(signature);
        let signature = signature.map_err(|_| InvalidSignature::Malformed)?;
        key.0
            .verify_strict(&self.encoded(), &signature)
            .map_err(|_| InvalidSignature::OtherKey)
    }

    /// The signature in `envelope`, which must be of this statement and by `key`.
    pub(crate) fn open(
        &self,
        envelope: &str,
        key: &PublicKey,
    ) -> Result<[u8; 64], InvalidSignature> {
        let malformed = InvalidSignature::Malformed;
        let envelope: Envelope = serde_json::from_str(envelope).map_err(|_| malformed)?;
        let [signature] = envelope.signatures.as_slice() else {
            return Err(malformed);
        };
        let payload = BASE64.decode(&envelope.payload).map_err(|_| malformed)?;
        if envelope.payload_type != PAYLOAD_TYPE || payload != self.as_bytes() {
            return Err(InvalidSignature::OtherStatement);
        }
        let bytes = BASE64.decode(&signature.sig).map_err(|_| malformed)?;
        self.verify(key, &bytes)?;
        bytes.try_into().map_err(|_| malformed)
    }

    /// DSSE's pre-authentication encoding, over which signatures are made.
    fn encoded(&self) -> Vec<u8> {
        let (kind, body) = (PAYLOAD_TYPE, &self.0);
        format!("DSSEv1 {} {kind} {} {body}", kind.len(), body.len()).into_bytes()
    }
}

impl Envelope {
    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Texts alone, which cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo as PEM.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidSignature> {
        let key = VerifyingKey::from_public_key_pem(pem.trim());
        let key = key.map_err(|_| InvalidSignature::PublicKey)?;
        // With one of these, signatures of anything can be made that hold.
        match key.is_weak() {
            true => Err(InvalidSignature::PublicKey),
            false => Ok(Self(key)),
        }
    }

    /// As PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.0.to_public_key_pem(LineEnding::LF).unwrap_or_default()
    }

    /// SHA-256 over the key as DER.
    #[must_use]
    pub fn id(&self) -> Digest {
        let der = self.0.to_public_key_der();
        let hash = Sha256::digest(der.map(|der| der.into_vec()).unwrap_or_default());
        Digest(hash.into())
    }

    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Result<Self, InvalidSignature> {
        let key = VerifyingKey::from_bytes(bytes);
        key.map(Self).map_err(|_| InvalidSignature::PublicKey)
    }

    pub(crate) fn to_bytes(self) -> [u8; 32] {
        self.0.to_bytes()
    }
}

impl PrivateKey {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        Self::new(&rand::random())
    }

    /// The one of a seed of 32 random bytes.
    #[must_use]
    pub fn new(seed: &[u8; SECRET_KEY_LENGTH]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a PKCS#8 key as PEM.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidSignature> {
        let key = SigningKey::from_pkcs8_pem(pem.trim());
        key.map(Self).map_err(|_| InvalidSignature::PrivateKey)
    }

    /// As PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        // Without the public key, which OpenSSL does not read.
        let pair = KeypairBytes {
            secret_key: self.0.to_bytes(),
            public_key: None,
        };
        let pem = pair.to_pkcs8_pem(LineEnding::LF);
        pem.map(|pem| pem.to_string()).unwrap_or_default()
    }

    /// Its public key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PrivateKey").field(&self.public()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, u64, Digest); 2] = [
        ("a\"b", 1, Digest([1; 32])),
        ("weights.bin", 2, Digest([2; 32])),
    ];

    fn statement() -> Statement {
        Statement::of("fraud-detector", 3, &FILES)
    }

    #[test]
    fn the_statement_is_what_the_contract_says() {
        let ones = "01".repeat(32);
        let twos = "02".repeat(32);
        let digest = crate::manifest_digest(FILES);
        let expected = format!(
            "{{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[\
             {{\"name\":\"a\\\"b\",\"digest\":{{\"sha256\":\"{ones}\"}}}},\
             {{\"name\":\"weights.bin\",\"digest\":{{\"sha256\":\"{twos}\"}}}}],\
             \"predicateType\":\"urn:herdbook:model-version:v1\",\
             \"predicate\":{{\"model\":\"fraud-detector\",\"version\":3,\"digest\":\"{digest}\"}}}}"
        );
        assert_eq!(statement().as_bytes(), expected.as_bytes());
    }

    #[test]
    fn a_signature_holds_for_its_statement_and_its_key_alone() {
        let key = PrivateKey::new(&[7; 32]);
        let envelope = statement().sign(&key).to_json();
        let signature = statement().open(&envelope, &key.public()).unwrap();
        statement().verify(&key.public(), &signature).unwrap();
        let other = PrivateKey::new(&[8; 32]).public();
        assert_eq!(
            statement().open(&envelope, &other),
            Err(InvalidSignature::OtherKey)
        );
        for (model, version, files) in [
            ("other", 3, &FILES[..]),
            ("fraud-detector", 4, &FILES),
            ("fraud-detector", 3, &FILES[..1]),
            ("fraud-detector", 3, &[("a\"b", 2, FILES[0].2), FILES[1]]),
        ] {
            let another = Statement::of(model, version, files);
            let opened = another.open(&envelope, &key.public());
            assert_eq!(opened, Err(InvalidSignature::OtherStatement));
            assert!(another.verify(&key.public(), &signature).is_err());
        }
    }

    #[test]
    fn a_foreign_envelope_is_refused() {
        let key = PrivateKey::new(&[7; 32]);
        let good = statement().sign(&key);
        let mut foreign = good.clone();
        foreign.payload_type = "text/plain".to_owned();
        let mut twice = good.clone();
        twice.signatures.extend(good.signatures.clone());
        let mut short = good.clone();
        short.signatures[0].sig = BASE64.encode([1; 63]);
        for (envelope, error) in [
            (foreign.to_json(), InvalidSignature::OtherStatement),
            (twice.to_json(), InvalidSignature::Malformed),
            (short.to_json(), InvalidSignature::Malformed),
            ("{}".to_owned(), InvalidSignature::Malformed),
            (String::new(), InvalidSignature::Malformed),
        ] {
            assert_eq!(
                statement().open(&envelope, &key.public()),
                Err(error),
                "{envelope}"
            );
        }
    }

    #[test]
    fn keys_are_read_as_they_are_written_and_as_openssl_writes_them() {
        let key = PrivateKey::new(&[7; 32]);
        let read = PrivateKey::from_pem(&key.to_pem()).unwrap();
        assert_eq!(read.public(), key.public());
        assert_eq!(
            PublicKey::from_pem(&key.public().to_pem()),
            Ok(key.public())
        );
        // RFC 8410, 10.
        let private = "-----BEGIN PRIVATE KEY-----\n\
            MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
            -----END PRIVATE KEY-----\n";
        let public = "-----BEGIN PUBLIC KEY-----\n\
            MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
            -----END PUBLIC KEY-----\n";
        let key = PrivateKey::from_pem(private).unwrap();
        assert_eq!(key.public().to_pem(), public);
        assert_eq!(key.to_pem(), private);
        assert_eq!(
            PublicKey::from_pem(private),
            Err(InvalidSignature::PublicKey)
        );
        assert!(PrivateKey::from_pem(public).is_err());
        let weak = format!("MCowBQYDK2VwAyEA{}=", "A".repeat(43));
        let weak = format!("-----BEGIN PUBLIC KEY-----\n{weak}\n-----END PUBLIC KEY-----\n");
        assert_eq!(PublicKey::from_pem(&weak), Err(InvalidSignature::PublicKey));
    }
}
