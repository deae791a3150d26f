//! Cards that are full, read-only, damaged or somebody else's: it is said in words, and sampling and sending go on.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use ems_test_harness::{Cloud, Edge, Proxy, Settings, Wrapper, run, tool, until};
use tempfile::TempDir;

use crate::{assert_all_arrived, fast, let_take};

/// A daemon without a connection, until the proxy passes.
struct Bench {
    cloud: Cloud,
    proxy: Proxy,
}

impl Bench {
    fn new() -> Self {
        let cloud = Cloud::start();
        let proxy = Proxy::start(cloud.tls());
        proxy.refuse();
        Self { cloud, proxy }
    }

    fn settings(&self) -> Settings {
        fast(self.cloud.device()).to(self.proxy.address(), &self.cloud.ca_file())
    }

    /// Sampling goes on; once there is a connection all samples are stored, each once.
    fn assert_goes_on(&self, what: &str, edge: &Edge) {
        let_take(edge, 70);
        self.proxy.pass();
        assert_all_arrived(what, &self.cloud, edge);
        let_take(edge, 10);
        assert_all_arrived(what, &self.cloud, edge);
    }
}

/// A small card: an ext4 file system in a file.
struct SmallCard {
    dir: TempDir,
}

impl SmallCard {
    fn new() -> Self {
        let card = Self { dir: TempDir::new().unwrap() };
        File::create(card.image()).unwrap().set_len(8 << 20).unwrap();
        let mut format = Command::new(tool("mkfs.ext4"));
        format.args(["-q", "-b", "4096"]).arg(card.image());
        run(format).expect_success("mkfs.ext4");
        card
    }

    fn image(&self) -> PathBuf {
        self.dir.path().join("image")
    }

    /// Runs a program with the card mounted at `state`.
    fn mounted_at(&self, state: &Path, options: &str) -> Wrapper {
        fs::create_dir_all(state).unwrap();
        let (image, state) = (self.image(), state.display());
        Wrapper::with_mounts(&format!("mount -o loop,{options} {} {state}", image.display()))
    }
}

/// A path as the daemon sees it, in its own mounts.
fn seen_by(edge: &mut Edge, path: &Path) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{}/root", edge.process().id()));
    root.join(path.strip_prefix("/").unwrap())
}

#[test]
fn a_full_card_is_named_and_used_again_when_there_is_room() {
    let bench = Bench::new();
    let (card, dir) = (SmallCard::new(), TempDir::new().unwrap());
    let state = dir.path().join("state");
    let mounted = card.mounted_at(&state, "rw");
    let full = Wrapper::new(
        "sh",
        &["-c", "head -c 9M /dev/zero >$0/filler 2>&-; exec \"$@\"", state.to_str().unwrap()],
    );
    let mut edge = Edge::start_in(dir, &full.inside(mounted), &bench.settings());
    let trouble = until("the trouble in the status", || {
        edge.status()["backlog"]["card_trouble"].as_str().map(str::to_owned)
    });
    println!("full: {trouble}");
    assert!(edge.log().contains("card.sqlite"), "{}", edge.log());
    let_take(&edge, 60);
    fs::remove_file(seen_by(&mut edge, &state.join("filler"))).unwrap();
    until("the card to be used again", || {
        let backlog = edge.status()["backlog"].take();
        (backlog["card_trouble"].is_null() && backlog["card"].as_u64() > Some(60)).then_some(())
    });
    println!("full: {}", line_with(&edge, "again"));
    bench.assert_goes_on("a full card", &edge);
}

#[test]
fn a_card_that_fills_up_costs_no_sample() {
    let bench = Bench::new();
    let (card, dir) = (SmallCard::new(), TempDir::new().unwrap());
    let state = dir.path().join("state");
    let mut edge = Edge::start_in(dir, &card.mounted_at(&state, "rw"), &bench.settings());
    let mut file = File::create(seen_by(&mut edge, &state.join("filler"))).unwrap();
    while file.write_all(&[0xa5; 4096]).is_ok() {}
    let_take(&edge, 150);
    bench.assert_goes_on("a card that fills up", &edge);
}

#[test]
fn a_card_that_is_or_becomes_read_only_is_named() {
    for read_only_from_the_start in [true, false] {
        let bench = Bench::new();
        let (card, dir) = (SmallCard::new(), TempDir::new().unwrap());
        let state = dir.path().join("state");
        let options = if read_only_from_the_start { "ro" } else { "rw" };
        let mut edge = Edge::start_in(dir, &card.mounted_at(&state, options), &bench.settings());
        if !read_only_from_the_start {
            // As the kernel does when the card fails. The open file stays writable only in name.
            let mut remount = Command::new(tool("nsenter"));
            remount.args(["--target", &edge.process().id().to_string(), "--mount"]);
            remount.arg(tool("mount")).args(["-o", "remount,abort"]).arg(&state);
            run(remount).expect_success("remount");
        }
        edge.process().says("ead-only file system");
        bench.assert_goes_on("a read-only card", &edge);
        println!("read-only: {}", line_with(&edge, "ead-only file system"));
    }
}

#[test]
fn a_damaged_card_is_healed_or_set_aside_and_the_daemon_starts() {
    let damages: [(&str, Damage); 4] = [
        ("garbage", |path| fs::write(path, vec![0x5a; 20_000]).unwrap()),
        ("emptied", |path| fs::write(path, "").unwrap()),
        ("a part overwritten", |path| {
            let mut file = File::options().write(true).open(path).unwrap();
            // Within what has been written of the log, which is laid out in advance.
            file.seek(SeekFrom::Start(20_000)).unwrap();
            file.write_all(&vec![0xff; 12_000]).unwrap();
        }),
        ("a folder", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
    ];
    for (name, damage) in damages {
        let bench = Bench::new();
        let mut edge = Edge::start(&bench.settings());
        let_take(&edge, 120);
        assert!(edge.stop().success());
        for file in ["card.sqlite", "card.sqlite-wal"] {
            let path = edge.state_dir().join(file);
            if path.exists() {
                damage(&path);
            }
        }
        edge.start_again();
        let_take(&edge, 70);
        bench.proxy.pass();
        let last = crate::last_taken(&edge);
        bench.cloud.api().wait_for("ems_001", "samples after the damage", |samples| {
            samples.iter().any(|sample| sample.seq() >= last)
        });
        // An empty file is a new database: nothing can tell that it was another one.
        if name != "emptied" {
            println!("{name}: {}", line_with(&edge, "samples"));
        }
    }
}

#[test]
fn a_state_folder_of_somebody_else_is_named() {
    let bench = Bench::new();
    let dir = TempDir::new().unwrap();
    let state = dir.path().join("state");
    fs::create_dir_all(&state).unwrap();
    std::os::unix::fs::chown(&state, Some(NOBODY), Some(NOBODY)).unwrap();
    // Root who may not pass over permissions, as the daemon's own user may not.
    let powerless = Wrapper::new("setpriv", &["--bounding-set", "-dac_override,-dac_read_search"]);
    let edge = Edge::start_in(dir, &powerless, &bench.settings());
    println!("wrong owner: {}", line_with(&edge, "ermission denied"));
    bench.assert_goes_on("a state folder of somebody else", &edge);
}

/// Does something to the file.
type Damage = fn(&Path);
/// Nobody of this machine.
const NOBODY: u32 = 64_123;

#[track_caller]
fn line_with(edge: &Edge, words: &str) -> String {
    let log = edge.log();
    log.lines()
        .find(|line| line.contains(words))
        .unwrap_or_else(|| panic!("no {words:?} in {log}"))
        .to_owned()
}
