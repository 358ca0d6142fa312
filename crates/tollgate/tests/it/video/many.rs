//! Ten thousand tasks in flight: looks keep the accounts' pace, and cost next to nothing. Measured, not only asserted:
//! `make soak` prints what it was.

use super::unified::VIDEOS;
use super::*;

/// Looks of one account in a second, at the most (`tasks/lanes.rs`).
const PACE: f64 = 20.0;
const MODELS: [(&str, &str); 4] =
    [("doubao-seedance-2-0-260128", "5"), ("kling-v2-6", "5"), ("g-veo", "8"), ("sora-2", "8")];

/// Seconds of processor time that a process has used.
fn used(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // In hundredths, as Linux tells it everywhere.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// Shares of a core and looks a second, over some seconds.
fn watch(gateway: &Gateway, sim: &Sim, seconds: u64) -> (f64, f64) {
    let polls = || sim.tasks()["totals"]["polls"].as_f64().unwrap();
    let (cpu, start, before) = (used(gateway.pid()), Instant::now(), polls());
    std::thread::sleep(Duration::from_secs(seconds));
    let seconds = start.elapsed().as_secs_f64();
    ((used(gateway.pid()) - cpu) / seconds, (polls() - before) / seconds)
}

#[test]
#[ignore = "minutes; `make soak` runs it"]
fn ten_thousand_tasks_in_flight() {
    let count: usize = std::env::var("TG_SOAK_TASKS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let sim = Sim::start();
    let text = config(sim.address, "");
    let usual = "first_poll = \"100ms\"\nslowest_poll = \"300ms\"\n";
    // First nobody looks, so that what is left is what tasks cost by being there.
    let mut gateway = Gateway::start(&text.replace(usual, "first_poll = \"30m\"\nslowest_poll = \"30m\"\n"));
    let key = gateway.live_key();
    sim.steer_creates("video-seconds=7200", None);
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for (model, seconds) in MODELS.into_iter().chain(MODELS) {
            let (gateway, key) = (&gateway, &key);
            scope.spawn(move || {
                let caller = Caller::with(gateway, key);
                for _ in 0..count / 8 {
                    let body = json!({ "model": model, "prompt": "a", "seconds": seconds, "size": "1280x720" });
                    let answer = caller.post(VIDEOS, &body);
                    assert_eq!(answer.status, 200, "{model}: {}\n{}", answer.text(), gateway.log());
                }
            });
        }
    });
    let made = begin.elapsed();
    std::thread::sleep(Duration::from_secs(3));
    let (rest, none) = watch(&gateway, &sim, 20);
    let memory = crate::wire::rss(gateway.pid()) >> 10;
    println!(
        "{count} tasks made in {:.1} s; between looks {:.2} % of a core, {memory} MiB",
        made.as_secs_f64(),
        rest * 100.0
    );
    assert!(none < 1.0 && rest < 0.05, "{none} looks a second, {rest}");
    // Then another process takes them up, with the pace as it is where nobody sets one.
    gateway.signal("KILL");
    gateway.wait(Duration::from_secs(10));
    let dir = std::mem::replace(&mut gateway.dir, tempfile::tempdir().unwrap());
    let gateway = Gateway::start_in(dir, &text.replace(usual, ""), &[]);
    let (cpu, rate) = watch(&gateway, &sim, 30);
    println!(
        "taken up: {rate:.1} looks a second at 4 accounts, {:.2} % of a core ({:.2} ms a look)",
        cpu * 100.0,
        cpu * 1_000.0 / rate
    );
    assert!(rate <= 4.0 * PACE * 1.05, "{rate} looks a second");
    assert!(count < 5_000 || rate >= 4.0 * PACE * 0.8, "{rate} looks a second: the pace is not used");
    assert_eq!(sim.creates(), (count / 8 * 8) as u64);
    // A caller is answered at once meanwhile.
    let caller = Caller::with(&gateway, &key);
    let start = Instant::now();
    assert_eq!(caller.get(&format!("{VIDEOS}?limit=1")).status, 200);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}
