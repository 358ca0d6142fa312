//! What a process and its children use, read from `/proc`.

use std::fs;

/// A process and all its descendants, as they were when it was looked up.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    pids: Vec<u32>,
}

/// Memory of a process tree in KiB.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    /// Proportional set size: shared pages are split among those that share them.
    pub(crate) pss: u64,
    /// Resident now.
    pub(crate) rss: u64,
    /// Resident at its highest.
    pub(crate) peak: u64,
}

impl Tree {
    /// The tree below a process; just that process where `/proc` cannot be read.
    pub(crate) fn of(root: u32) -> Self {
        let mut parents: Vec<(u32, u32)> = Vec::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = entry.file_name();
            let pid = name.to_str().and_then(|n| n.parse::<u32>().ok());
            if let Some((pid, stat)) = pid.and_then(|pid| Some((pid, Stat::of(pid)?))) {
                parents.push((pid, stat.parent));
            }
        }
        let mut pids = vec![root];
        let mut next = 0;
        while let Some(&parent) = pids.get(next) {
            let children = parents.iter().filter(|(_, p)| *p == parent);
            let fresh: Vec<u32> = children.map(|(pid, _)| *pid).filter(|pid| !pids.contains(pid)).collect();
            pids.extend(fresh);
            next += 1;
        }
        Self { pids }
    }

    /// This process alone.
    pub(crate) fn own() -> Self {
        Self { pids: vec![std::process::id()] }
    }

    /// User and system time used so far, in microseconds.
    pub(crate) fn cpu_us(&self) -> u64 {
        let ticks: u64 = self.pids.iter().filter_map(|pid| Stat::of(*pid)).map(|stat| stat.ticks).sum();
        ticks.saturating_mul(1_000_000) / rustix::param::clock_ticks_per_second().max(1)
    }

    /// Memory in use.
    pub(crate) fn memory(&self) -> Memory {
        let mut sum = Memory::default();
        for pid in &self.pids {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            sum.rss += kib(&status, "VmRSS:");
            sum.peak += kib(&status, "VmHWM:");
            let maps = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
            sum.pss += kib(&maps, "Pss:");
        }
        sum
    }
}

/// The fields of `/proc/PID/stat` that matter here.
struct Stat {
    parent: u32,
    ticks: u64,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name of the program stands in brackets and may hold anything, so fields count from its end.
    fn parse(line: &str) -> Option<Self> {
        let (_, fields) = line.rsplit_once(')')?;
        let mut fields = fields.split_ascii_whitespace().skip(1);
        let parent = fields.next()?.parse().ok()?;
        let mut times = fields.skip(9);
        let user: u64 = times.next()?.parse().ok()?;
        let system: u64 = times.next()?.parse().ok()?;
        Some(Self { parent, ticks: user + system })
    }
}

/// The number after a name in a file of `Name:   123 kB` lines.
fn kib(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_ascii_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Stat, Tree, kib};

    #[test]
    fn stat_survives_odd_program_names() {
        let line = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 50 6 8 9 20 0 1 0 100 1 1";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.parent, stat.ticks), (7, 56));
        assert!(Stat::parse("no brackets").is_none());
    }

    #[test]
    fn own_memory_is_seen() {
        let memory = Tree::of(std::process::id()).memory();
        assert!(memory.rss > 0 && memory.peak >= memory.rss);
    }

    #[test]
    fn kib_reads_the_named_line() {
        assert_eq!(kib("VmHWM:\t  9 kB\nVmRSS:\t 123 kB\n", "VmRSS:"), 123);
        assert_eq!(kib("", "VmRSS:"), 0);
    }
}
