//! Reads entries and steps from the database.

use serde_json::Value;
use sqlx::{AnyPool, Row as _, any::AnyRow};

use super::{at, micros};
use crate::{
    change::{
        Change, Confirmation, Outcome, Risk,
        journal::{Entry, Find, Step},
    },
    database::Dialect,
};

const ENTRY: &str = "id, at, principal, tool, tailnet, resource, risk, planned, outcome, undoes,
    undone_by, confirmed, CAST(CASE WHEN lease > {NOW} THEN 1 ELSE 0 END AS BIGINT) AS is_held";

/// The filter of a list. All parameters are always bound, so that one query text serves all filters.
const WHERE: &str =
    "WHERE ($1 = '' OR lower(resource) LIKE $1 ESCAPE '!' OR tool LIKE $1 ESCAPE '!'
        OR lower(principal) LIKE $1 ESCAPE '!')
    AND ($2 = '' OR COALESCE(outcome, 'unknown') = $2) AND at >= $3 AND ($4 = '' OR tailnet = $4)
    AND ($5 = '' OR resource = $5)";

pub(super) async fn list(
    pool: &AnyPool,
    dialect: Dialect,
    find: &Find,
) -> sqlx::Result<(Vec<Entry>, u64)> {
    let text = find.text.as_deref().map(like).unwrap_or_default();
    let outcome = find.outcome.map_or("", Outcome::as_str);
    let since = find.since.map_or(i64::MIN, micros);
    let resource = find.resource.as_deref().unwrap_or_default();
    let total: i64 = sqlx::query(&format!("SELECT COUNT(*) FROM changes {WHERE}"))
        .bind(&text)
        .bind(outcome)
        .bind(since)
        .bind(&find.tailnet)
        .bind(resource)
        .fetch_one(pool)
        .await?
        .try_get(0)?;
    let page = format!("SELECT {ENTRY} FROM changes {WHERE} AND id < $6 ORDER BY id DESC LIMIT $7");
    let rows = sqlx::query(&dialect.query(&page))
        .bind(&text)
        .bind(outcome)
        .bind(since)
        .bind(&find.tailnet)
        .bind(resource)
        .bind(find.before.unwrap_or(i64::MAX))
        .bind(i64::try_from(find.limit).unwrap_or(i64::MAX))
        .fetch_all(pool)
        .await?;
    let entries = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok((entries, u64::try_from(total).unwrap_or_default()))
}

/// A `LIKE` pattern for entries that contain `text`, with special characters escaped.
fn like(text: &str) -> String {
    let escaped: String = text
        .to_lowercase()
        .chars()
        .flat_map(|c| matches!(c, '%' | '_' | '!').then_some('!').into_iter().chain([c]))
        .collect();
    format!("%{escaped}%")
}

pub(super) async fn entry(
    pool: &AnyPool,
    dialect: Dialect,
    entry: i64,
) -> sqlx::Result<Option<Entry>> {
    let query = dialect.query(&format!("SELECT {ENTRY} FROM changes WHERE id = $1"));
    let row = sqlx::query(&query).bind(entry).fetch_optional(pool).await?;
    row.as_ref().map(read).transpose()
}

/// Entries that no server works at any more, though none recorded how they ended.
pub(super) async fn cut_off(pool: &AnyPool, dialect: Dialect) -> sqlx::Result<Vec<Entry>> {
    let query = format!("SELECT {ENTRY} FROM changes WHERE outcome IS NULL ORDER BY id");
    let rows = sqlx::query(&dialect.query(&query)).fetch_all(pool).await?;
    let entries: Vec<Entry> = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok(entries.into_iter().filter(|it| !it.running).collect())
}

pub(super) async fn steps(
    pool: &AnyPool,
    entry: i64,
    skip: usize,
    limit: usize,
) -> Result<Vec<Step>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT kind, resource_id, name, field, before, after, irreversible, outcome, why FROM steps
         WHERE change_id = $1 ORDER BY id LIMIT $2 OFFSET $3",
    )
    .bind(entry)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .bind(i64::try_from(skip).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await?;
    rows.iter().map(step).collect()
}

fn step(row: &AnyRow) -> Result<Step, sqlx::Error> {
    let json = |column: &str| -> Result<Value, sqlx::Error> {
        let text: String = row.try_get(column)?;
        serde_json::from_str(&text).map_err(|error| sqlx::Error::Decode(error.into()))
    };
    Ok(Step {
        kind: row.try_get("kind")?,
        id: row.try_get("resource_id")?,
        name: row.try_get("name")?,
        change: Change {
            field: row.try_get("field")?,
            from: json("before")?,
            to: json("after")?,
            irreversible: row.try_get::<i64, _>("irreversible")? != 0,
            comment: None,
        },
        outcome: outcome(row)?,
        why: row.try_get("why")?,
    })
}

fn outcome(row: &AnyRow) -> Result<Option<Outcome>, sqlx::Error> {
    Ok(row.try_get::<Option<String>, _>("outcome")?.as_deref().and_then(Outcome::named))
}

fn read(row: &AnyRow) -> Result<Entry, sqlx::Error> {
    let outcome = outcome(row)?;
    let is_held = row.try_get::<i64, _>("is_held")? != 0;
    let confirmed: String = row.try_get("confirmed")?;
    let risk: String = row.try_get("risk")?;
    Ok(Entry {
        change: row.try_get("id")?,
        at: at(row.try_get("at")?),
        principal: row.try_get("principal")?,
        tool: row.try_get("tool")?,
        tailnet: row.try_get("tailnet")?,
        resource: row.try_get("resource")?,
        // An unknown risk counts as destructive.
        risk: risk.parse().unwrap_or(Risk::Danger),
        outcome: outcome.unwrap_or(Outcome::Unknown),
        running: outcome.is_none() && is_held,
        confirmed: Confirmation::named(&confirmed).unwrap_or_default(),
        undoes: row.try_get("undoes")?,
        undone_by: row.try_get("undone_by")?,
        planned: usize::try_from(row.try_get::<i64, _>("planned")?).unwrap_or_default(),
    })
}
