//! One-time codes for the page on which plans are approved, and the sessions of browsers that were opened with
//! one. Only their hashes are stored, each for one plan.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;

use super::{Store, micros};
use crate::client::Result;

/// How long a code, and then the session, is valid.
const VALID: SignedDuration = SignedDuration::from_mins(10);
/// How many wrong codes a plan takes before its codes are no longer valid.
const MAX_TRIES: i64 = 5;

const CODE: &str = "code";
const SESSION: &str = "session";

/// The hash of a random text for one plan. Both are hard to guess, so it needs no salt.
fn hash(kind: &str, plan: &str, secret: &str) -> String {
    STANDARD_NO_PAD.encode(Sha256::digest(format!("{kind} {plan} {secret}")))
}

impl Store {
    /// Keeps a one-time code with which `name` can be identified at the page of `plan`.
    pub(crate) async fn keep_code(&self, plan: &str, code: &str, name: &str) -> Result<()> {
        self.keep(CODE, plan, code, name).await
    }

    /// Keeps the session of a browser, for `name` and `plan`.
    pub(crate) async fn keep_session(&self, plan: &str, session: &str, name: &str) -> Result<()> {
        self.keep(SESSION, plan, session, name).await
    }

    async fn keep(&self, kind: &str, plan: &str, secret: &str, name: &str) -> Result<()> {
        let until = Timestamp::now().saturating_add(VALID).unwrap_or(Timestamp::MAX);
        sqlx::query(
            "INSERT INTO approval_codes (hash, plan, kind, name, until) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(hash(kind, plan, secret))
        .bind(plan)
        .bind(kind)
        .bind(name)
        .bind(micros(until))
        .execute(self.pool().await?)
        .await
        .map(drop)
        .map_err(|error| self.wrong(&error))
    }

    /// Uses up a code; returns whose it was. A wrong one counts against all codes of the plan.
    pub(crate) async fn use_code(&self, plan: &str, code: &str) -> Result<Option<String>> {
        let mut transaction = self.transaction().await?;
        let query =
            "DELETE FROM approval_codes WHERE hash = $1 AND kind = $2 AND tries < $3 AND until > $4
             RETURNING name";
        let row = sqlx::query(query)
            .bind(hash(CODE, plan, code))
            .bind(CODE)
            .bind(MAX_TRIES)
            .bind(micros(Timestamp::now()))
            .fetch_optional(&mut *transaction)
            .await
            .map_err(|error| self.wrong(&error))?;
        let name = row.map(|row| row.try_get(0)).transpose().map_err(|error| self.wrong(&error))?;
        if name.is_none() {
            let wrong = "UPDATE approval_codes SET tries = tries + 1 WHERE plan = $1 AND kind = $2";
            let wrong = sqlx::query(wrong).bind(plan).bind(CODE).execute(&mut *transaction).await;
            wrong.map_err(|error| self.wrong(&error))?;
        }
        transaction.commit().await.map_err(|error| self.wrong(&error))?;
        Ok(name)
    }

    /// Who a browser's session belongs to, if it is valid.
    pub(crate) async fn session(&self, plan: &str, session: &str) -> Result<Option<String>> {
        let query = "SELECT name FROM approval_codes WHERE hash = $1 AND kind = $2 AND until > $3";
        let query = sqlx::query_scalar(query).bind(hash(SESSION, plan, session)).bind(SESSION);
        let name = query.bind(micros(Timestamp::now())).fetch_optional(self.pool().await?).await;
        name.map_err(|error| self.wrong(&error))
    }
}
