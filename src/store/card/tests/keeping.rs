//! What is stored comes back: in order, once, within the limits.

use ems_protocol::ClockQuality;

use super::*;

#[test]
fn samples_come_back_in_order_with_their_boots_after_a_kill() {
    let dir = folder();
    let (mut card, notices) = open(dir.path());
    assert_eq!(notices, []);
    card.push("first", &run(100..160)).unwrap();
    card.push("second", &run(5..10)).unwrap();
    card.push("second", &run(10..500)).unwrap();
    drop(card);
    let (mut card, notices) = open(dir.path());
    assert_eq!(notices, []);
    let expected: Vec<_> = (100..160)
        .map(|n| ("first".to_owned(), n))
        .chain((5..500).map(|n| ("second".to_owned(), n)))
        .collect();
    assert_eq!(waiting(&mut card), expected);
    let chunk = card.oldest(Cursor::default(), 7).unwrap().unwrap();
    assert_eq!(chunk.samples.len(), 7);
    let stats = card.stats();
    assert_eq!(
        (stats.samples, stats.oldest.map(|(boot, s)| (boot, s.seq))),
        (555, Some(("first".to_owned(), 100)))
    );
    assert!(stats.span_ms.abs_diff(555_000) < 1000, "{}", stats.span_ms);
}

#[test]
fn what_is_stored_is_not_stored_twice() {
    let dir = folder();
    let (mut card, _) = open(dir.path());
    card.push("boot", &run(0..60)).unwrap();
    drop(card);
    let (mut card, _) = open(dir.path());
    card.push("boot", &run(30..90)).unwrap();
    assert_eq!(numbers(&mut card), (0..90).collect::<Vec<_>>());
}

#[test]
fn a_confirmed_part_of_a_block_is_given_no_more_and_after_an_orderly_end_never_again() {
    let dir = folder();
    let (mut card, _) = open(dir.path());
    card.push("boot", &run(0..60)).unwrap();
    let chunk = card.oldest(Cursor::default(), 20).unwrap().unwrap();
    assert_eq!(card.remove("boot", &(10..20).collect()).unwrap(), 10);
    assert_eq!(card.remove("boot", &(10..20).collect()).unwrap(), 0);
    assert_eq!(card.remove("other", &(0..60).collect()).unwrap(), 0);
    assert_eq!(card.oldest(chunk.next, 99).unwrap().unwrap().samples.first().unwrap().seq, 20);
    let left: Vec<u64> = (0..10).chain(20..60).collect();
    assert_eq!((numbers(&mut card), card.stats().samples), (left.clone(), 50));
    card.close().unwrap();
    assert_eq!(numbers(&mut open(dir.path()).0), left);
}

#[test]
fn fully_confirmed_blocks_do_not_hide_what_comes_after_them() {
    let dir = folder();
    let (mut card, _) = open(dir.path());
    card.push("first", &run(0..60)).unwrap();
    card.push("second", &run(60..120)).unwrap();
    assert_eq!(numbers(&mut card).len(), 120);
    card.remove("first", &(0..60).collect()).unwrap();
    assert_eq!(numbers(&mut card), (60..120).collect::<Vec<_>>());
}

#[test]
fn at_the_limit_in_bytes_the_oldest_go_and_are_counted() {
    let dir = folder();
    let limits = Limits { max_bytes: 100 << 10, ..LIMITS };
    let (mut card, _) = Card::open(dir.path(), limits);
    let mut dropped = Dropped::default();
    for minute in 0..400 {
        let went = card.push("boot", &run(minute * 60..minute * 60 + 60)).unwrap();
        dropped.by_bytes += went.by_bytes;
        dropped.by_hours += went.by_hours;
    }
    let left = numbers(&mut card);
    assert!(dropped.by_bytes > 0 && dropped.by_hours == 0, "{dropped:?}");
    assert_eq!(left, (dropped.by_bytes..24_000).collect::<Vec<_>>());
    let stats = card.stats();
    assert_eq!((stats.dropped, stats.samples), (dropped, left.len() as u64));
    assert!(stats.bytes <= limits.max_bytes && stats.bytes > limits.max_bytes / 2, "{}", stats.bytes);
    assert!(fs::metadata(dir.path().join(FILES[0])).unwrap().len() <= limits.max_bytes + 64 * 1024);
}

#[test]
fn at_the_limit_in_hours_of_sampling_the_oldest_go_and_are_counted() {
    let dir = folder();
    let (mut card, _) = Card::open(dir.path(), Limits { max_hours: 1, ..LIMITS });
    let dropped: u64 = (0..90).map(|m| card.push("boot", &run(m * 60..m * 60 + 60)).unwrap().by_hours).sum();
    assert_eq!(dropped, 30 * 60);
    assert_eq!(numbers(&mut card), (1800..5400).collect::<Vec<_>>());
}

#[test]
fn the_file_does_not_grow_from_one_outage_to_the_next() {
    let dir = folder();
    let (mut card, _) = open(dir.path());
    let mut sizes = BTreeSet::new();
    for outage in 0..20_u64 {
        for minute in 0..60 {
            let first = outage * 3600 + minute * 60;
            card.push("boot", &run(first..first + 60)).unwrap();
        }
        assert_eq!(numbers(&mut card).len(), 3600);
        card.remove("boot", &(outage * 3600..outage * 3600 + 3600).collect()).unwrap();
        assert_eq!(card.stats().samples, 0);
        if outage >= 4 {
            sizes.insert(FILES.map(|f| fs::metadata(dir.path().join(f)).unwrap().len()));
        }
    }
    assert_eq!(sizes.len(), 1, "{sizes:?}");
}

#[test]
fn boots_keep_their_order_and_their_clocks() {
    let dir = folder();
    let clock = |offset_ms, quality| BootClock { offset_ms, quality };
    let (mut card, _) = open(dir.path());
    card.set_boot_clock("first", clock(1_700_000_000_000, ClockQuality::Synced)).unwrap();
    card.push("first", &run(0..3)).unwrap();
    card.push("second", &run(0..3)).unwrap();
    card.set_boot_clock("second", clock(5, ClockQuality::Unsynced)).unwrap();
    drop(card);
    let (mut card, _) = open(dir.path());
    assert_eq!(card.boot_clock("first"), Some(clock(1_700_000_000_000, ClockQuality::Synced)));
    card.set_boot_clock("second", clock(9_000, ClockQuality::Server)).unwrap();
    // Not worth a write.
    card.set_boot_clock("second", clock(9_500, ClockQuality::Server)).unwrap();
    assert_eq!(card.boot_clock("second"), Some(clock(9_000, ClockQuality::Server)));
    assert_eq!(card.boot_clock("third"), None);
    drop(card);
    let (mut card, _) = open(dir.path());
    assert_eq!(card.boot_clock("second"), Some(clock(9_000, ClockQuality::Server)));
    // Once their samples are gone, they make way for the next boot.
    waiting(&mut card);
    card.remove("first", &(0..3).collect()).unwrap();
    card.remove("second", &(0..3).collect()).unwrap();
    card.push("third", &run(0..1)).unwrap();
    assert_eq!(card.boot_clock("first"), None);
}

#[test]
fn events_are_kept_up_to_64_kib() {
    let dir = folder();
    let (mut card, _) = open(dir.path());
    for n in 0..200 {
        card.record_events(&[&format!("event {n} {}", "x".repeat(1000)), "short"]).unwrap();
    }
    drop(card);
    let events = open(dir.path()).0.events().unwrap();
    assert_eq!(events.last().unwrap(), "short");
    assert!(events[events.len() - 2].starts_with("event 199 "));
    let bytes: usize = events.iter().map(|e| e.len() + 19).sum();
    assert!(bytes <= 64 * 1024 && bytes > 62 * 1024, "{bytes}");
}

#[test]
fn a_named_value_is_the_last_one_written() {
    let dir = folder();
    let (mut card, _) = open(dir.path());
    assert_eq!(card.meta("a").unwrap(), None);
    card.set_meta("a", b"1").unwrap();
    card.set_meta("a", b"2").unwrap();
    assert_eq!(card.set_meta("a", &[0; 4000]), Err(CardError::TooLong(4010)));
    drop(card);
    assert_eq!(open(dir.path()).0.meta("a").unwrap().as_deref(), Some(&b"2"[..]));
}

#[test]
fn a_day_of_backlog_is_read_and_removed_in_little_memory() {
    if !in_namespace(module_path!(), "a_day_of_backlog_is_read_and_removed_in_little_memory") {
        return;
    }
    let dir = folder();
    let (mut card, _) = open(dir.path());
    for minute in 0..1440 {
        card.push("boot", &run(minute * 60..minute * 60 + 60)).unwrap();
    }
    drop(card);
    let (mut card, _) = open(dir.path());
    let before = resident_kib();
    let (mut most, mut read, mut cursor) = (0, 0, Cursor::default());
    while let Some(chunk) = card.oldest(cursor, 500).unwrap() {
        read += chunk.samples.len();
        card.remove("boot", &chunk.samples.iter().map(|s| s.seq).collect()).unwrap();
        cursor = chunk.next;
        most = most.max(resident_kib());
    }
    assert_eq!((read, card.stats().samples), (86_400, 0));
    assert!(most.saturating_sub(before) < 1024, "{before} KiB grew to {most} KiB");
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
