//! The tables of a database, and their version.

use sqlx::{AnyPool, Executor as _, Row as _};

use super::{Dialect, Transaction};

/// The tables of one purpose.
pub(crate) struct Schema {
    /// The table that has the version of the others.
    pub(crate) version_table: &'static str,
    /// The version of these tables. A later program may read older ones, not the other way round.
    pub(crate) version: i64,
    /// The statements that make the tables which are not there.
    pub(crate) tables: &'static [&'static str],
    /// The statements that make tables of a version those of the next one, beginning with version 1.
    pub(crate) upgrades: &'static [&'static [&'static str]],
    /// The lock with which one of several servers makes the tables.
    pub(crate) lock: i64,
}

impl Schema {
    /// Makes the tables that are not there, and upgrades older ones.
    pub(crate) async fn prepare(&self, pool: &AnyPool, dialect: Dialect) -> sqlx::Result<()> {
        let mut transaction = Transaction::begin(pool, dialect).await?;
        if dialect == Dialect::Postgres {
            // Several servers may start at once, and the tables are made by one of them.
            let lock = sqlx::query("SELECT 1 FROM pg_advisory_xact_lock($1)").bind(self.lock);
            transaction.execute(lock).await?;
        }
        for table in self.tables {
            transaction.execute(sqlx::query(&dialect.query(table))).await?;
        }
        let (table, version) = (self.version_table, self.version);
        let was = sqlx::query(&format!("SELECT version FROM {table}"))
            .fetch_optional(&mut *transaction)
            .await?
            .map(|row| row.try_get::<i64, _>(0))
            .transpose()?;
        let written = match was {
            Some(later) if later > version => {
                return Err(sqlx::Error::Protocol(format!(
                    "its version is {later}, but this program supports {version}"
                )));
            }
            Some(was) if was == version => return transaction.commit().await,
            Some(was) => {
                let done = usize::try_from(was - 1).unwrap_or_default();
                for changes in self.upgrades.get(done..).unwrap_or_default() {
                    for change in *changes {
                        transaction.execute(*change).await?;
                    }
                }
                format!("UPDATE {table} SET version = $1")
            }
            None => format!("INSERT INTO {table} (version) VALUES ($1)"),
        };
        sqlx::query(&written).bind(version).execute(&mut *transaction).await?;
        transaction.commit().await
    }
}
