//! Signatures: of exactly the files of a version, kept for good, and what rules make of them.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use herdbook_proto::registry::v1::{
    AddSignatureRequest, AuditAction, ListSignaturesRequest, Signature, SignedBy, TrustedKey,
    Version, rule::Rule as Asks,
};
use herdbook_registry::{PrivateKey, PublicKey, Statement};
use herdbook_testkit::grpc::{fields, reason};
use tonic::{Code, Status};

use crate::cluster::{Cluster, MODEL, by};

fn key(number: u8) -> PrivateKey {
    PrivateKey::new(&[number; 32])
}

fn statement(version: &Version) -> Statement {
    let file = &version.files[0];
    let entry = (
        file.path.as_str(),
        file.size.unsigned_abs(),
        file.digest.parse().unwrap(),
    );
    Statement::of(&version.model, version.number, &[entry])
}

fn signed(version: &Version, key: &PrivateKey) -> AddSignatureRequest {
    AddSignatureRequest {
        model: MODEL.to_owned(),
        version: version.number,
        envelope: statement(version).sign(key).to_json(),
        public_key: key.public().to_pem(),
    }
}

async fn add(cluster: &Cluster, request: AddSignatureRequest) -> Result<Signature, Status> {
    let added = cluster.signatures().add_signature(request).await?;
    Ok(added.into_inner().signature.unwrap())
}

async fn registered(cluster: &Cluster) -> Version {
    let number = cluster.register(0.9).await;
    cluster.resolve(&format!("{MODEL}/{number}")).await.unwrap()
}

#[tokio::test]
async fn a_signature_is_kept_once_with_who_added_it_and_when() {
    let cluster = Cluster::start().await;
    let version = registered(&cluster).await;
    let request = signed(&version, &key(1));
    let call = by("bo=contributor", request.clone());
    let added = cluster.signatures().add_signature(call).await.unwrap();
    let added = added.into_inner().signature.unwrap();
    assert_eq!(added.added_by, "bo");
    assert_eq!(added.key_id, key(1).public().id().to_string());
    assert_eq!(add(&cluster, request).await.unwrap(), added);
    let other = add(&cluster, signed(&version, &key(2))).await.unwrap();
    let request = ListSignaturesRequest {
        model: MODEL.to_owned(),
        version: 1,
    };
    let listed = cluster
        .signatures()
        .list_signatures(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.statement, statement(&version).as_bytes());
    assert_eq!(listed.signatures, [added.clone(), other]);
    let public = PublicKey::from_pem(&added.public_key).unwrap();
    statement(&version)
        .verify(&public, &added.signature)
        .unwrap();
    let log = cluster.audit().await;
    let log = log
        .iter()
        .filter(|record| record.action() == AuditAction::AddSignature);
    let log: Vec<_> = log.collect();
    assert_eq!(log.len(), 2);
    assert_eq!((log[0].version, &*log[0].principal), (1, "bo"));
    assert!(log[0].details.contains(&added.key_id), "{}", log[0].details);
    let changed = sqlx::query("DELETE FROM registry.signatures").execute(cluster.database.pool());
    assert!(changed.await.is_err());
}

#[tokio::test]
async fn what_is_no_signature_of_the_version_is_refused() {
    let cluster = Cluster::start().await;
    let version = registered(&cluster).await;
    let good = signed(&version, &key(1));
    let other_version = Version {
        number: 2,
        ..version.clone()
    };
    let mut other_files = version.clone();
    other_files.files[0].digest = format!("sha256:{}", "0".repeat(64));
    let foreign = good.envelope.replace("vnd.in-toto+json", "json");
    for (envelope, public_key, field) in [
        (signed(&other_version, &key(1)).envelope, None, "envelope"),
        (signed(&other_files, &key(1)).envelope, None, "envelope"),
        (
            good.envelope.clone(),
            Some(key(2).public().to_pem()),
            "envelope",
        ),
        (foreign, None, "envelope"),
        ("{}".to_owned(), None, "envelope"),
        ("x".repeat((8 << 20) + 1), None, "envelope"),
        (
            good.envelope.clone(),
            Some("no key".to_owned()),
            "public_key",
        ),
        (good.envelope.clone(), Some(key(1).to_pem()), "public_key"),
        (good.envelope.clone(), Some("x".repeat(1_025)), "public_key"),
    ] {
        let request = AddSignatureRequest {
            envelope,
            public_key: public_key.unwrap_or_else(|| good.public_key.clone()),
            ..good.clone()
        };
        let refused = add(&cluster, request).await.unwrap_err();
        assert_eq!(fields(&refused), [field], "{refused}");
    }
    let missing = AddSignatureRequest {
        version: 2,
        ..good.clone()
    };
    let refused = add(&cluster, missing).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::NotFound, "VERSION_NOT_FOUND".into())
    );
    for number in 1..=16 {
        add(&cluster, signed(&version, &key(number))).await.unwrap();
    }
    let refused = add(&cluster, signed(&version, &key(17))).await.unwrap_err();
    let expected = (Code::ResourceExhausted, "TOO_MANY_SIGNATURES".into());
    assert_eq!(reason(&refused), expected);
}

/// The 32 bytes of a key, which are the last of its DER.
fn bytes(key: &PublicKey) -> Vec<u8> {
    let pem = key.to_pem();
    let der = BASE64.decode(pem.lines().nth(1).unwrap()).unwrap();
    der[der.len() - 32..].to_vec()
}

fn trusted(number: u8) -> TrustedKey {
    TrustedKey {
        name: format!("key-{number}"),
        public_key: key(number).public().to_pem(),
    }
}

#[tokio::test]
async fn a_rule_counts_the_keys_that_it_trusts() {
    let cluster = Cluster::start().await;
    let version = registered(&cluster).await;
    let rule = SignedBy {
        keys: vec![trusted(1), trusted(2), trusted(3)],
        threshold: 2,
    };
    cluster
        .ask("Production", vec![Asks::SignedBy(rule.clone())])
        .await
        .unwrap();
    let asked = cluster.policy().await;
    let step = asked
        .moves
        .iter()
        .find(|step| step.to == "Production")
        .unwrap();
    assert_eq!(step.rules[0].rule, Some(Asks::SignedBy(rule)));
    let refused = cluster.promote(1, "Production").await.unwrap_err();
    assert!(refused.message().contains("nobody signed it"), "{refused}");
    for signer in [1, 9] {
        add(&cluster, signed(&version, &key(signer))).await.unwrap();
    }
    // As somebody leaves it who writes to the database and has not the key.
    sqlx::query(
        "INSERT INTO registry.signatures SELECT model_key, 1, $1, $2, 'eve' FROM registry.models",
    )
    .bind(bytes(&key(2).public()))
    .bind([7; 64])
    .execute(cluster.database.pool())
    .await
    .unwrap();
    let refused = cluster.promote(1, "Production").await.unwrap_err();
    let id = key(1).public().id().to_string();
    let message = refused.message();
    assert!(
        message.contains(&id) && message.contains("added by ana"),
        "{message}"
    );
    assert!(message.contains("1 by keys that do not count"), "{message}");
    assert!(
        message.contains("have 1 of key-2, key-3 sign it"),
        "{message}"
    );
    add(&cluster, signed(&version, &key(3))).await.unwrap();
    let decision = cluster.promote(1, "Production").await.unwrap();
    assert!(decision.verdicts[0].passed);
    // A version of the same files is another version.
    cluster.register(0.9).await;
    let refused = cluster.promote(2, "Production").await.unwrap_err();
    assert!(refused.message().contains("nobody signed it"), "{refused}");
}

#[tokio::test]
async fn a_rule_of_keys_that_cannot_be_is_refused_with_the_place() {
    let cluster = Cluster::start().await;
    let place = "policy.moves[2].rules[0].signed_by";
    let twice = TrustedKey {
        name: "another".to_owned(),
        ..trusted(1)
    };
    let broken = TrustedKey {
        public_key: "no key".to_owned(),
        ..trusted(2)
    };
    for (keys, threshold, field) in [
        (vec![trusted(1)], 2, "threshold"),
        (vec![trusted(1), twice], 1, "keys[1].public_key"),
        (vec![trusted(1), broken], 1, "keys[1].public_key"),
        (
            vec![
                trusted(1),
                TrustedKey {
                    name: "key-1".into(),
                    ..trusted(2)
                },
            ],
            1,
            "keys[1].name",
        ),
    ] {
        let rule = Asks::SignedBy(SignedBy { keys, threshold });
        let refused = cluster.ask("Production", vec![rule]).await.unwrap_err();
        assert_eq!(fields(&refused), [format!("{place}.{field}")], "{refused}");
    }
    let none = Asks::SignedBy(SignedBy::default());
    let refused = cluster.ask("Production", vec![none]).await.unwrap_err();
    assert_eq!(fields(&refused)[0], format!("{place}.keys"));
}
