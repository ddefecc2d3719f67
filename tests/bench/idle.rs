//! What oathd costs while nobody asks: its memory, and how often it wakes.
//!
//! Measured from 10 s after the last call, for 60 s. By then the connection to pcscd, which is kept
//! for a while to make the next code quicker, is closed.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use oathd_tests::world::Process;

use crate::Result;
use crate::figure::Figure;

const REST: Duration = Duration::from_secs(10);
const WINDOW: Duration = Duration::from_secs(60);

pub(crate) fn measure(oathd: &mut Process) -> Result<Vec<Figure>> {
    let pid = oathd.pid();
    thread::sleep(REST);
    let before = switches(pid)?;
    thread::sleep(WINDOW);
    let after = switches(pid)?;
    oathd.check_alive()?;

    // A thread that began in between counts whole, one that ended counts as awake.
    let ended = before.keys().filter(|task| !after.contains_key(*task));
    let woken: u64 = after
        .iter()
        .map(|(task, count)| count - before.get(task).copied().unwrap_or(0))
        .sum();
    let total = woken + u64::try_from(ended.count())?;
    let parts = format!(
        "{} threads; {:.1} MB of it are pages of programs and libraries",
        after.len(),
        megabytes(pid, "RssFile:")?
    );
    Ok(vec![
        Figure::new("idle_rss_mb", megabytes(pid, "VmRSS:")?, "MB", 1)
            .at_most(8.0)
            .remark(&parts),
        Figure::new("idle_context_switches_60s", total as f64, "switches", 1)
            .reach("0", total == 0),
    ])
}

/// A kind of memory of a process.
pub(crate) fn megabytes(pid: u32, kind: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(field(&status, kind)? as f64 * 1024.0 / 1e6)
}

/// The processor time that a process has taken, in milliseconds: `proc_pid_stat(5)`, where a tick is
/// 10 ms.
pub(crate) fn computed(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("no name in stat")?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>);
    let ticks = ticks.sum::<std::result::Result<u64, _>>()?;
    Ok(ticks as f64 * 10.0)
}

/// Context switches of each thread since it began, of both kinds.
fn switches(pid: u32) -> Result<BTreeMap<String, u64>> {
    let mut all = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?;
        let status = fs::read_to_string(task.path().join("status"))?;
        let count = field(&status, "voluntary_ctxt_switches:")?
            + field(&status, "nonvoluntary_ctxt_switches:")?;
        all.insert(task.file_name().to_string_lossy().into_owned(), count);
    }
    Ok(all)
}

/// A number of `/proc/PID/status`; memory is in KiB there.
fn field(status: &str, name: &str) -> Result<u64> {
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next());
    Ok(value.ok_or_else(|| format!("no {name}"))?.parse()?)
}
