//! Room on the disk, and how fast it makes a write durable: every block and every record waits for that.

use super::Check;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Below this share of free space something must be done soon, in percent.
const FREE_PERCENT_MIN: u64 = 10;
/// Below this much free space nothing is safe.
const FREE_BYTES_MIN: u64 = 1 << 30;
/// A durable write that takes longer slows every record down.
const SYNC_SLOW: Duration = Duration::from_millis(20);
/// With a durable write that takes longer a validator misses its turns.
const SYNC_TOO_SLOW: Duration = Duration::from_millis(250);
/// Writes that are measured; the middle one counts.
const SYNCS: usize = 15;
/// Bytes in each: a small block.
const SYNC_BYTES: usize = 4096;

pub(super) fn look(home: &Path) -> Vec<Check> {
    let space = match rustix::fs::statvfs(home) {
        Ok(disk) => space(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize),
        Err(error) => Check::failure("disk space", format!("cannot be told: {error}"), "look at the disk"),
    };
    let writes = match measure(home) {
        Ok(sync) => speed(sync),
        Err(error) => Check::failure(
            "disk writes",
            format!("do not work: {error}"),
            "look at the disk and its permissions",
        ),
    };
    vec![space, writes]
}

/// Judges free space.
pub(super) fn space(free: u64, total: u64) -> Check {
    let percent = free.saturating_mul(100) / total.max(1);
    let found = format!("{:.1} GB free of {:.1} GB ({percent} %)", free as f64 / 1e9, total as f64 / 1e9);
    if free < FREE_BYTES_MIN {
        return Check::failure("disk space", found, "free space now: a node without room stops");
    }
    match percent < FREE_PERCENT_MIN {
        true => Check::warning("disk space", found, "make room, or move the folder to a larger disk"),
        false => Check::ok("disk space", found),
    }
}

/// Judges the time of a durable write.
pub(super) fn speed(sync: Duration) -> Check {
    let found = format!("a durable write takes {:.1} ms", sync.as_secs_f64() * 1e3);
    let advice =
        "use a disk with a faster flush (SSD with power-loss protection), or see what else writes to it";
    match sync {
        sync if sync > SYNC_TOO_SLOW => Check::failure("disk writes", found, advice),
        sync if sync > SYNC_SLOW => Check::warning("disk writes", found, advice),
        _ => Check::ok("disk writes", found),
    }
}

fn measure(home: &Path) -> std::io::Result<Duration> {
    // No name: it is gone with this process, however that ends.
    let mut file: File = tempfile::tempfile_in(home)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let begun = Instant::now();
        file.write_all(&[0x5a; SYNC_BYTES])?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    times.sort();
    Ok(times[SYNCS / 2])
}
