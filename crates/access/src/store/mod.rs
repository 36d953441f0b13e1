//! The schema `access`.
//!
//! What is stored: workspaces, principals, their roles, tokens, the signing key; a few thousand rows.
//! Why durable: without them nobody gets in. What must be fast: finding a token by its hash, one
//! index look-up, asked again every few seconds. On failure: nobody is let in who was not a moment
//! ago.

mod changes;
mod principals;
pub(crate) mod sessions;
pub(crate) mod tokens;
mod workspaces;

use herdbook_postgres::advisory::{self, Chore};
use sqlx::PgPool;
use uuid::Uuid;

use crate::AccessError;

pub(crate) use changes::ChangeRow;
pub(crate) use principals::PrincipalRow;
pub(crate) use workspaces::WorkspaceRow;

#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: PgPool,
}

impl Store {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// The key with which services sign for each other, made by whichever process comes first.
    pub(crate) async fn signing_key(&self) -> Result<[u8; 32], AccessError> {
        let mut transaction = herdbook_postgres::begin(&self.pool).await?;
        advisory::lock(&mut transaction, Chore::SigningKeys).await?;
        let newest: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT secret FROM access.signing_keys ORDER BY id DESC LIMIT 1")
                .fetch_optional(&mut *transaction)
                .await?;
        if let Some(key) = newest.and_then(|secret| secret.try_into().ok()) {
            return Ok(key);
        }
        let key: [u8; 32] = rand::random();
        sqlx::query("INSERT INTO access.signing_keys (id, secret) VALUES ($1, $2)")
            .bind(Uuid::now_v7())
            .bind(key.as_slice())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(key)
    }
}
