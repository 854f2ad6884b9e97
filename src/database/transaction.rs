//! Writing to the database in a transaction whose commit is checked.

use std::ops::{Deref, DerefMut};

use sqlx::{Any, AnyConnection, AnyPool, pool::PoolConnection};

use super::Dialect;

/// An open transaction. A connection whose transaction was not committed is closed, which rolls it
/// back: after a full disk or a lost connection nobody knows what state it is in.
///
/// Without it, `INSERT … RETURNING` would commit in `SQLite` when the statement is reset, and the driver
/// drops the error of that.
pub(crate) struct Transaction {
    connection: PoolConnection<Any>,
    is_committed: bool,
}

impl Transaction {
    pub(crate) async fn begin(pool: &AnyPool, dialect: Dialect) -> Result<Self, sqlx::Error> {
        let mut transaction = Self { connection: pool.acquire().await?, is_committed: false };
        // A reader that becomes a writer could meet another one halfway.
        let begin = dialect.begin();
        sqlx::query(begin).execute(&mut *transaction.connection).await?;
        Ok(transaction)
    }

    /// Commits. After an error, nothing of the transaction is in the database.
    pub(crate) async fn commit(mut self) -> Result<(), sqlx::Error> {
        sqlx::query("COMMIT").execute(&mut *self.connection).await?;
        self.is_committed = true;
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if !self.is_committed {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for Transaction {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }
}
