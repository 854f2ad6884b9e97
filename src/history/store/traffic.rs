//! Sums of traffic: by slots of ten minutes, which are read again, then by hour, then by day.

use std::collections::HashMap;

use serde_json::{Value, json};
use sqlx::{AnyConnection, AnyPool, Row as _, any::AnyRow};

use super::{DAY, Held, History, Kept, Lease, write};
use crate::{
    client::Result,
    database::Dialect,
    history::{
        Seconds, Source, Spans,
        flows::{CATCH_UP, FINAL, MOST_ROWS, SLOT},
    },
    traffic::{End, Row, Sort, Totals},
};

const HOUR: Seconds = 3_600;
/// How many rows one statement writes.
const ROWS: usize = 5_000;
/// How many hours or days one run sums up.
const UNITS: usize = 48;
/// The number of the end that stands for all others.
const OTHERS: i64 = -1;

/// What is kept of the traffic in a window.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct KeptTraffic {
    /// The window: its ends are those of the hours or days that are kept.
    pub window: (Seconds, Seconds),
    /// The sums.
    pub totals: Totals,
    /// The times that they are of.
    pub spans: Spans,
    /// How many seconds of these were read.
    pub read: Seconds,
}

/// Up to where traffic was read: another one after each look that read more of it.
#[cfg(feature = "server")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TrafficMark {
    /// End of the last times that are kept.
    pub(crate) until: Seconds,
    read_at: Seconds,
    units: i64,
}

impl History {
    /// Up to where the traffic of a tailnet was read; none if nothing is kept.
    #[cfg(feature = "server")]
    pub(crate) async fn traffic_mark(&self, tailnet: &str) -> Result<Option<TrafficMark>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(None) };
        let pool = self.pool().await?;
        let read = async {
            let row = sqlx::query(
                "SELECT MAX(begins + size) AS until, MAX(read_at) AS read_at, COUNT(*) AS units
                 FROM traffic_read WHERE tailnet = $1",
            );
            let row = row.bind(number).fetch_one(pool).await?;
            let Some(until) = row.try_get("until")? else { return Ok(None) };
            let (read_at, units) = (row.try_get("read_at")?, row.try_get("units")?);
            Ok(Some(TrafficMark { until, read_at, units }))
        };
        read.await.map_err(|error: sqlx::Error| self.wrong(&error))
    }

    /// The traffic that is kept of a tailnet, between two times.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn traffic(&self, tailnet: &str, from: Seconds, to: Seconds) -> Result<KeptTraffic> {
        let mut kept = KeptTraffic { window: (from, to), ..KeptTraffic::default() };
        let Some(number) = self.number(tailnet).await? else { return Ok(kept) };
        let pool = self.pool().await?;
        let read = async {
            let rows = sqlx::query(
                "SELECT size, begins, seconds, records, bad_records, bad_entries FROM traffic_read
                 WHERE tailnet = $1 AND begins < $3 AND begins + size > $2 ORDER BY begins",
            );
            let rows = rows.bind(number).bind(from).bind(to).fetch_all(pool).await?;
            for row in &rows {
                let (size, begins): (i64, i64) = (row.try_get("size")?, row.try_get("begins")?);
                kept.spans = kept.spans.and([(begins, begins + size)]);
                kept.read += row.try_get::<i64, _>("seconds")?;
                let (first, last) = kept.window;
                kept.window = (first.min(begins), last.max(begins + size));
            }
            if !rows.is_empty() {
                kept.totals = sums(pool, number, kept.window, 0).await?;
                count(&mut kept.totals, &rows)?;
            }
            Ok(kept)
        };
        read.await.map_err(|error| self.wrong(&error))
    }

    /// The slots since a time that were read, and when. Those that an hour has taken in cannot be read again.
    pub(in crate::history) async fn slots_read(
        &self,
        lease: &Lease,
        since: Seconds,
    ) -> Result<Vec<(Seconds, Seconds)>> {
        let rows = sqlx::query(
            "SELECT size, begins, read_at FROM traffic_read WHERE tailnet = $1 AND begins + size > $2",
        );
        let rows = rows.bind(lease.tailnet).bind(since).fetch_all(self.pool().await?).await;
        let rows = rows.map_err(|error| self.wrong(&error))?;
        let mut slots = Vec::new();
        for row in &rows {
            let read = |name: &str| row.try_get::<i64, _>(name).map_err(|error| self.wrong(&error));
            let (size, begins) = (read("size")?, read("begins")?);
            let at = if size == SLOT { read("read_at")? } else { Seconds::MAX };
            slots.extend((0..size / SLOT).map(|it| (begins + it * SLOT, at)));
        }
        Ok(slots)
    }

    /// Keeps the sums of a slot in place of what was kept of it before.
    pub(in crate::history) async fn record_slot(
        &self,
        lease: &Lease,
        source: &Source,
        slot: Seconds,
        totals: &Totals,
        now: Seconds,
    ) -> Result<Held> {
        let pool = self.pool().await?;
        let written = async {
            let Some(mut transaction) = self.held(pool, lease).await? else { return Ok(Held::No) };
            let unit = Unit { size: SLOT, begins: slot, seconds: SLOT, read_at: now };
            put(&mut transaction, self.dialect(), lease.tailnet, unit, totals).await?;
            write::looked(&mut transaction, lease, source, now).await?;
            transaction.commit().await?;
            Ok(Held::Yes)
        };
        written.await.map_err(|error: sqlx::Error| self.wrong(&error))
    }

    /// Sums slots up to hours once they cannot change any more, and old hours up to days.
    pub(in crate::history) async fn roll_traffic(&self, lease: &Lease, now: Seconds) -> Result<()> {
        let pool = self.pool().await?;
        let hours = now - HOUR - CATCH_UP - FINAL;
        let days = now - DAY - Kept::default().traffic_hours * DAY;
        for (size, into, before) in [(SLOT, HOUR, hours), (HOUR, DAY, days)] {
            let rolled = self.roll(pool, lease, (size, into), before).await;
            if rolled.map_err(|error| self.wrong(&error))? == Held::No {
                break;
            }
        }
        Ok(())
    }

    async fn roll(
        &self,
        pool: &AnyPool,
        lease: &Lease,
        (size, into): (Seconds, Seconds),
        before: Seconds,
    ) -> sqlx::Result<Held> {
        let units = sqlx::query(
            "SELECT DISTINCT begins - begins % $2 AS unit FROM traffic_read
             WHERE tailnet = $1 AND size = $3 AND begins - begins % $2 < $4 ORDER BY unit",
        );
        let units = units.bind(lease.tailnet).bind(into).bind(size).bind(before);
        for row in units.fetch_all(pool).await?.iter().take(UNITS) {
            let begins: i64 = row.try_get("unit")?;
            let window = (begins, begins + into);
            let read = sqlx::query(
                "SELECT seconds, records, bad_records, bad_entries FROM traffic_read
                 WHERE tailnet = $1 AND size = $2 AND begins >= $3 AND begins < $4",
            );
            let read = read.bind(lease.tailnet).bind(size).bind(window.0).bind(window.1);
            let read = read.fetch_all(pool).await?;
            let mut totals = sums(pool, lease.tailnet, window, size).await?;
            count(&mut totals, &read)?;
            totals.keep_largest(MOST_ROWS);
            let seconds = read.iter().map(|row| row.try_get::<i64, _>("seconds"));
            let seconds = seconds.sum::<sqlx::Result<i64>>()?;
            let Some(mut transaction) = self.held(pool, lease).await? else { return Ok(Held::No) };
            for table in ["traffic", "traffic_read"] {
                let old = format!(
                    "DELETE FROM {table} WHERE tailnet = $1 AND size = $2 AND begins >= $3
                     AND begins < $4"
                );
                let old = sqlx::query(&old).bind(lease.tailnet).bind(size);
                old.bind(window.0).bind(window.1).execute(&mut *transaction).await?;
            }
            let unit = Unit { size: into, begins, seconds, read_at: before };
            put(&mut transaction, self.dialect(), lease.tailnet, unit, &totals).await?;
            transaction.commit().await?;
        }
        Ok(Held::Yes)
    }
}

/// A time that sums are kept of.
#[derive(Clone, Copy)]
struct Unit {
    size: Seconds,
    begins: Seconds,
    /// How many seconds of it were read.
    seconds: Seconds,
    read_at: Seconds,
}

/// Adds how many records were counted.
fn count(totals: &mut Totals, rows: &[AnyRow]) -> sqlx::Result<()> {
    for row in rows {
        let number = |name: &str| {
            row.try_get::<i64, _>(name).map(|it| u64::try_from(it).unwrap_or_default())
        };
        totals.records += number("records")?;
        totals.unreadable_records += number("bad_records")?;
        totals.unreadable_entries += number("bad_entries")?;
    }
    Ok(())
}

/// The sums of what is kept within a window, of one size or of all (0).
async fn sums(
    pool: &AnyPool,
    tailnet: i64,
    window: (Seconds, Seconds),
    size: Seconds,
) -> sqlx::Result<Totals> {
    let mut totals = Totals::default();
    let mut places = HashMap::from([(0, 0), (OTHERS, totals.place(&End::others()))]);
    let ends = sqlx::query(
        "SELECT id, key, name, tags FROM traffic_ends WHERE id IN
             (SELECT one FROM traffic WHERE tailnet = $1 AND begins >= $2 AND begins + size <= $3
                  AND ($4 = 0 OR size = $4)
              UNION SELECT other FROM traffic WHERE tailnet = $1 AND begins >= $2
                  AND begins + size <= $3 AND ($4 = 0 OR size = $4))",
    );
    let ends = ends.bind(tailnet).bind(window.0).bind(window.1).bind(size);
    for row in ends.fetch_all(pool).await? {
        let tags: String = row.try_get("tags")?;
        let tags = tags.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
        let end = End::new(row.try_get("key")?, row.try_get("name")?, tags);
        places.insert(row.try_get::<i64, _>("id")?, totals.place(&end));
    }
    let rows = sqlx::query(
        "SELECT sort, one, other, protocol, port, CAST(SUM(a) AS BIGINT) AS a,
             CAST(SUM(b) AS BIGINT) AS b, CAST(SUM(c) AS BIGINT) AS c, CAST(SUM(d) AS BIGINT) AS d
         FROM traffic WHERE tailnet = $1 AND begins >= $2 AND begins + size <= $3
             AND ($4 = 0 OR size = $4)
         GROUP BY sort, one, other, protocol, port",
    );
    let rows = rows.bind(tailnet).bind(window.0).bind(window.1).bind(size);
    for row in rows.fetch_all(pool).await? {
        let number = |name: &str| row.try_get::<i64, _>(name);
        let (sort, one, other) = (number("sort")?, number("one")?, number("other")?);
        let place = |it: &i64| places.get(it).copied();
        // A later program may write other sorts.
        let (Some(sort), Some(one), Some(other)) =
            (Sort::numbered(sort), place(&one), place(&other))
        else {
            continue;
        };
        let bytes = |name: &str| number(name).map(|it| u64::try_from(it).unwrap_or_default());
        let numbers = [bytes("a")?, bytes("b")?, bytes("c")?, bytes("d")?];
        let protocol = u8::try_from(number("protocol")?).unwrap_or_default();
        let port = u16::try_from(number("port")?).unwrap_or_default();
        totals.add(Row { sort, one, other, protocol, port }, numbers);
    }
    Ok(totals)
}

/// Writes the sums of a unit in place of those that are there.
async fn put(
    connection: &mut AnyConnection,
    dialect: Dialect,
    tailnet: i64,
    unit: Unit,
    totals: &Totals,
) -> sqlx::Result<()> {
    let old = "DELETE FROM traffic WHERE tailnet = $1 AND size = $2 AND begins = $3";
    let old = sqlx::query(old).bind(tailnet).bind(unit.size).bind(unit.begins);
    old.execute(&mut *connection).await?;
    let ids = put_ends(connection, dialect, tailnet, unit, totals).await?;
    let id = |end: &End| match end {
        it if it.is_none() => Some(0),
        it if it.is_others() => Some(OTHERS),
        it => ids.get(&it.id).copied(),
    };
    let rows: Vec<Value> = totals
        .rows()
        .filter_map(|(row, one, other, numbers)| {
            let [a, b, c, d] = numbers.map(|it| i64::try_from(it).unwrap_or(i64::MAX));
            let (sort, protocol, port) = (row.sort.number(), row.protocol, row.port);
            Some(json!([
                tailnet,
                unit.size,
                unit.begins,
                sort,
                id(one)?,
                id(other)?,
                protocol,
                port,
                a,
                b,
                c,
                d
            ]))
        })
        .collect();
    let insert = dialect.query(
        "INSERT INTO traffic (tailnet, size, begins, sort, one, other, protocol, port, a, b, c, d)
         SELECT CAST(it.value->>0 AS BIGINT), CAST(it.value->>1 AS BIGINT),
             CAST(it.value->>2 AS BIGINT), CAST(it.value->>3 AS BIGINT), CAST(it.value->>4 AS BIGINT),
             CAST(it.value->>5 AS BIGINT), CAST(it.value->>6 AS BIGINT), CAST(it.value->>7 AS BIGINT),
             CAST(it.value->>8 AS BIGINT), CAST(it.value->>9 AS BIGINT), CAST(it.value->>10 AS BIGINT),
             CAST(it.value->>11 AS BIGINT) FROM {ROWS} WHERE true",
    );
    for chunk in rows.chunks(ROWS) {
        let rows = serde_json::to_string(chunk).unwrap_or_default();
        sqlx::query(&insert).bind(rows).execute(&mut *connection).await?;
    }
    let number = |it: u64| i64::try_from(it).unwrap_or(i64::MAX);
    sqlx::query(
        "INSERT INTO traffic_read (tailnet, size, begins, seconds, read_at, records, bad_records,
             bad_entries) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (tailnet, size, begins) DO UPDATE SET seconds = excluded.seconds,
             read_at = excluded.read_at, records = excluded.records,
             bad_records = excluded.bad_records, bad_entries = excluded.bad_entries",
    )
    .bind(tailnet)
    .bind(unit.size)
    .bind(unit.begins)
    .bind(unit.seconds)
    .bind(unit.read_at)
    .bind(number(totals.records))
    .bind(number(totals.unreadable_records))
    .bind(number(totals.unreadable_entries))
    .execute(connection)
    .await
    .map(drop)
}

/// The numbers of the ends, which get one if they have none.
async fn put_ends(
    connection: &mut AnyConnection,
    dialect: Dialect,
    tailnet: i64,
    unit: Unit,
    totals: &Totals,
) -> sqlx::Result<HashMap<String, i64>> {
    let insert = dialect.query(
        "INSERT INTO traffic_ends (tailnet, key, name, tags, seen)
         SELECT CAST(it.value->>0 AS BIGINT), it.value->>1, it.value->>2, it.value->>3,
             CAST(it.value->>4 AS BIGINT) FROM {ROWS} WHERE true
         ON CONFLICT (tailnet, key) DO UPDATE SET name = excluded.name, tags = excluded.tags,
             seen = CASE WHEN excluded.seen > traffic_ends.seen THEN excluded.seen
                 ELSE traffic_ends.seen END
         RETURNING id, key",
    );
    let used: Vec<&End> = totals.used_ends();
    let mut ids = HashMap::new();
    for chunk in used.chunks(ROWS) {
        let row = |it: &&End| json!([tailnet, it.id, it.name, it.tags.join(","), unit.begins]);
        let rows = Value::Array(chunk.iter().map(row).collect()).to_string();
        for row in sqlx::query(&insert).bind(rows).fetch_all(&mut *connection).await? {
            ids.insert(row.try_get("key")?, row.try_get("id")?);
        }
    }
    Ok(ids)
}
