//! What an event's things are called in the graph, so that all who mean the same name the same.
//!
//! Namespace and name of a data set are put together to its URI, as OpenLineage's naming has it
//! (<https://openlineage.io/docs/spec/naming>): `s3://bucket` and `path` are `s3://bucket/path`, a
//! namespace without `//` is a scheme (`bigquery:project.set.table`), and `file` has three slashes.
//! The schemes that mean the same store are one (`s3a`, `s3n`: `s3`; `postgresql`: `postgres`), the
//! host is in lower case. In the namespace `herdbook` a name means what Herdbook itself calls so:
//! `herdbook` a data set, `herdbook:model_version` a version of a model.

use herdbook_core::{NameError, check_name};
use herdbook_proto::{Violations, lineage::v1::NodeKey};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Namespace of Herdbook's own names.
pub(crate) const OWN: &str = "herdbook";
/// Bytes in a name of the graph.
const NAME_BYTES: usize = 1_024;

/// The key of a kind, name and version.
pub(crate) fn key(kind: &str, name: impl Into<String>, version: impl Into<String>) -> NodeKey {
    NodeKey {
        kind: kind.to_owned(),
        name: name.into(),
        version: version.into(),
    }
}

/// A run, whoever keeps it: Herdbook's own have the same ids.
pub(crate) fn run(id: Uuid) -> NodeKey {
    key("run", id.simple().to_string(), "")
}

/// A job.
pub(crate) fn job(namespace: &str, name: &str) -> NodeKey {
    key("pipeline", format!("{namespace}/{name}"), "")
}

/// A data set, or a node of another kind in one of our own namespaces.
pub(crate) fn dataset(namespace: &str, name: &str, version: &str) -> NodeKey {
    let version = version.to_owned();
    match namespace
        .strip_prefix(OWN)
        .map(|rest| rest.strip_prefix(':'))
    {
        Some(Some(kind)) => key(kind, name, version),
        Some(None) if namespace == OWN => key("dataset", name, version),
        _ => key("dataset", uri(namespace, name), version),
    }
}

/// The URI of a data set.
pub(crate) fn uri(namespace: &str, name: &str) -> String {
    let namespace = namespace.trim_end_matches('/');
    match namespace.split_once("://") {
        Some((scheme, authority)) => {
            let (host, path) = authority.split_once('/').unwrap_or((authority, ""));
            let scheme = scheme.to_ascii_lowercase();
            let host = host.to_ascii_lowercase();
            let mut uri = format!("{}://{host}", one_scheme(&scheme));
            for part in [path, name] {
                let part = part.trim_matches('/');
                if !part.is_empty() {
                    uri.push('/');
                    uri.push_str(part);
                }
            }
            uri
        }
        None if namespace.eq_ignore_ascii_case("file") || namespace == "file:" => {
            format!("file:///{}", name.trim_matches('/'))
        }
        None => format!("{}:{name}", namespace.trim_end_matches(':')),
    }
}

/// The scheme by which a store is known that has several.
fn one_scheme(scheme: &str) -> &str {
    match scheme {
        "s3a" | "s3n" => "s3",
        "gcs" => "gs",
        "postgresql" => "postgres",
        "wasb" => "wasbs",
        "abfs" => "abfss",
        other => other,
    }
}

/// A commit of a repository; without a version the repository as a whole.
pub(crate) fn code(repository: &str, version: &str) -> NodeKey {
    key("code", repository, version)
}

/// Source code by its content.
pub(crate) fn source_code(job: &NodeKey, source: &str) -> NodeKey {
    let digest = Sha256::digest(source.as_bytes());
    let hexadecimal: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    key("code", job.name.clone(), format!("sha256:{hexadecimal}"))
}

/// Notes what of a namespace and a name cannot be kept. Both are told apart, so that the sender finds
/// the field.
pub(crate) fn check(scope: &str, namespace: &str, name: &str, violations: &mut Violations) {
    for (field, text) in [("namespace", namespace), ("name", name)] {
        // Longer than a name of Herdbook's own, but no longer than the graph keeps.
        if let Err(error) = check_name(text)
            && !matches!(error, NameError::TooLong { .. })
        {
            violations.add(format!("{scope}.{field}"), error);
        }
    }
    let bytes = namespace.len() + name.len();
    if bytes + "/".len() > NAME_BYTES {
        let what = format!(
            "has {bytes} bytes with its namespace; at most {} are allowed",
            NAME_BYTES - 1
        );
        violations.add(format!("{scope}.name"), what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespace_and_name_make_one_uri() {
        for (namespace, name, expected) in [
            (
                "s3://Bucket",
                "raw/orders.parquet",
                "s3://bucket/raw/orders.parquet",
            ),
            (
                "s3a://bucket/",
                "/raw/orders.parquet",
                "s3://bucket/raw/orders.parquet",
            ),
            (
                "s3://bucket/raw",
                "orders.parquet",
                "s3://bucket/raw/orders.parquet",
            ),
            (
                "postgresql://db.Example:5432",
                "shop.public.orders",
                "postgres://db.example:5432/shop.public.orders",
            ),
            (
                "bigquery",
                "shop.sales.orders",
                "bigquery:shop.sales.orders",
            ),
            ("file", "/data/orders.csv", "file:///data/orders.csv"),
            ("file://", "/data/orders.csv", "file:///data/orders.csv"),
            (
                "arn:aws:glue:eu-west-1:12",
                "table/shop/orders",
                "arn:aws:glue:eu-west-1:12:table/shop/orders",
            ),
        ] {
            assert_eq!(uri(namespace, name), expected);
        }
    }

    #[test]
    fn our_own_namespaces_mean_our_own_nodes() {
        assert_eq!(
            dataset("herdbook", "dataset_v1", "sha256:00"),
            key("dataset", "dataset_v1", "sha256:00")
        );
        assert_eq!(
            dataset("herdbook:model_version", "fraud", "3"),
            key("model_version", "fraud", "3")
        );
        assert_eq!(
            dataset("herdbooks", "x", ""),
            key("dataset", "herdbooks:x", "")
        );
    }
}
