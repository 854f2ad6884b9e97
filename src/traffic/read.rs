//! Reads a window of the flow logs in parts, each added up while it arrives.

use jiff::Timestamp;

use super::{Seconds, Sums};
use crate::{
    ErrorKind, Operation,
    client::{Client, Error, Result, call::Call},
};

/// The longest part that one request asks for, in seconds.
pub(crate) const PART: Seconds = 600;
/// The shortest part of an answer that is too large otherwise.
const SHORTEST: Seconds = 15;
/// After so many requests in a row that failed within a part, the rest of it is given up: halving goes from ten
/// minutes to the shortest part in six.
const TRIES: usize = 7;
/// After so many parts in a row that could not be read, no more are asked for.
const FAILURES: usize = 3;

/// A part that was not read, and why.
#[derive(Debug, Clone)]
pub(crate) struct Missed {
    pub(crate) from: Seconds,
    pub(crate) to: Seconds,
    pub(crate) why: Error,
}

/// Reads what starts from `from` on and before `to`, in parts of ten minutes, and adds it to `sums`. A part of
/// which the answer is too large is halved. Returns what could not be read.
///
/// # Errors
///
/// If nothing could be read, as the first part.
pub(crate) async fn window(
    client: &Client,
    sums: &mut Sums,
    (from, to): (Seconds, Seconds),
) -> Result<Vec<Missed>> {
    let (mut missed, mut failures, mut read) = (Vec::new(), 0, 0);
    let mut begin = from;
    while begin < to {
        let end = (begin.div_euclid(PART) + 1).saturating_mul(PART).min(to);
        match part(client, sums, (begin, end), &mut missed).await {
            Ok(()) => {
                failures = 0;
                read += 1;
            }
            Err(why) => {
                failures += 1;
                let stop = failures >= FAILURES || is_final(&why);
                let until = if stop { to } else { end };
                missed.push(Missed { from: begin, to: until, why });
                if stop {
                    break;
                }
            }
        }
        begin = end;
    }
    match missed.first() {
        Some(first) if read == 0 => Err(first.why.clone()),
        _ => Ok(missed),
    }
}

/// Whether the next part would fail in the same way.
fn is_final(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PlanLimit
            | ErrorKind::Forbidden
            | ErrorKind::Unauthorized
            | ErrorKind::NoCredential
            | ErrorKind::Config
            | ErrorKind::NotFound
            | ErrorKind::Rejected
    )
}

/// Reads one part, halved as often as its answer is too large.
async fn part(
    client: &Client,
    sums: &mut Sums,
    part: (Seconds, Seconds),
    missed: &mut Vec<Missed>,
) -> Result<()> {
    let mut open = vec![part];
    let (mut read, mut failed) = (0, 0);
    while let Some((from, to)) = open.pop() {
        let Err(why) = one(client, sums, (from, to)).await else {
            (read, failed) = (read + 1, 0);
            continue;
        };
        failed += 1;
        if failed >= TRIES {
            // What is left of the part is one stretch: it is read from its start on.
            if read == 0 {
                return Err(why);
            }
            missed.push(Missed { from, to: part.1, why });
            break;
        }
        if is_too_much(&why) && to - from >= 2 * SHORTEST {
            let middle = from + (to - from) / 2;
            open.extend([(middle, to), (from, middle)]);
        } else if read == 0 && open.is_empty() {
            return Err(why);
        } else {
            missed.push(Missed { from, to, why });
        }
    }
    Ok(())
}

fn is_too_much(error: &Error) -> bool {
    let broke_off = matches!(error.kind(), ErrorKind::Truncated | ErrorKind::Timeout);
    broke_off || error.kind() == ErrorKind::TooLarge || error.status() == Some(413)
}

/// Reads what starts from `from` on and before `to`. What was counted of an answer that breaks off counts once
/// when it is read again.
async fn one(client: &Client, sums: &mut Sums, (from, to): (Seconds, Seconds)) -> Result<()> {
    let time = |at: Seconds| Timestamp::from_second(at).unwrap_or_default().to_string();
    let query = [("start".to_owned(), time(from)), ("end".to_owned(), time(to))];
    let call = Call { query: &query, ..Call::default() };
    let mut each = |record: &[u8]| {
        sums.add(record, (from, to));
        Ok(())
    };
    client.each_record(Operation::ListNetworkFlowLogs, call, "logs", &mut each).await
}
