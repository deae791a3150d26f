use std::sync::atomic::Ordering;

use ems_protocol::Timestamp;

use super::*;
use crate::fleet::device::RowChange;
use crate::rooms::board::NewRow;
use crate::rooms::held::CROWDED;

fn mailbox(held: &Arc<Held>) -> Mailbox {
    Mailbox::new(None, held.clone(), Arc::default())
}

#[test]
fn a_slow_reader_finds_the_latest_of_each_device_and_how_many_it_missed() {
    let mailbox = mailbox(&Arc::default());
    for n in 0..10 {
        for device in [1, 2] {
            let frame = Frame::new(format!("{{\"n\":{n},\"device\":{device}}}").into());
            mailbox.telemetry(device, &Arc::new(frame));
        }
    }
    for device in [1, 2] {
        let Some(Next::Message(text, skipped)) = mailbox.next() else { panic!("nothing") };
        assert!(text.contains(&format!(r#""payload":{{"n":9,"device":{device}}},"skipped":9"#)), "{text}");
        assert_eq!(skipped, 9);
    }
    assert!(mailbox.next().is_none());
}

#[test]
fn what_changes_while_the_fleet_is_being_sent_is_told_after_it() {
    let rows = |devices: std::ops::Range<usize>, n: usize| {
        devices
            .map(|d| NewRow {
                id: format!("d{d:04}").parse().unwrap(),
                change: RowChange { body: format!(r#"{{"device_id":"d{d:04}","n":{n}}}"#), spark: None },
            })
            .collect()
    };
    let board = Arc::new(Board::default());
    let now = Timestamp::from_millis(0);
    board.publish(rows(0..4000, 1), Vec::new(), now);
    let some: BTreeSet<DeviceId> = (0..4000).map(|d| format!("d{d:04}").parse().unwrap()).collect();
    for visible in [None, Some(Arc::new(some))] {
        let mailbox = Mailbox::new(visible, Arc::default(), board.clone());
        mailbox.watch_fleet();
        let Some(Next::Message(first, _)) = mailbox.next() else { panic!("nothing") };
        assert!(first.contains(r#""final":false"#));
        let tick = board.publish(rows(0..1, 2), Vec::new(), now).unwrap();
        mailbox.fleet_changed(&tick);
        let mut last = String::new();
        while let Some(Next::Message(text, _)) = mailbox.next() {
            text.as_str().clone_into(&mut last);
        }
        assert!(last.contains("fleet.update") && last.contains(r#""device_id":"d0000","n":2"#));
        board.publish(rows(0..1, 1), Vec::new(), now);
    }
}

#[test]
fn lost_events_are_never_silent_and_what_came_before_them_is_still_told() {
    let held = Arc::new(Held::default());
    let mailbox = mailbox(&held);
    for _ in 0..=MAX_EVENTS {
        mailbox.event(&Utf8Bytes::from_static("{}"));
    }
    for _ in 0..MAX_EVENTS {
        assert!(matches!(mailbox.next(), Some(Next::Message(..))));
        // There is room again, but a gap before it.
        mailbox.event(&Utf8Bytes::from_static("{}"));
    }
    assert!(matches!(mailbox.next(), Some(Next::Lost(_))));
    assert_eq!(held.bytes(), 0);
}

#[test]
fn all_slow_readers_together_are_bounded_and_give_back_what_they_held() {
    let held = Arc::new(Held::default());
    let text = Utf8Bytes::from("x".repeat(MAX_BYTES / 2));
    let all: Vec<_> = (0..100).map(|_| mailbox(&held)).collect();
    for mailbox in &all {
        mailbox.event(&text);
        mailbox.event(&text);
    }
    assert!(held.bytes() <= 2 * CROWDED);
    let last = all.last().unwrap();
    assert!(matches!(last.next(), Some(Next::Lost(reason)) if reason.contains("server")));
    drop(all);
    assert_eq!((held.bytes(), held.holders.load(Ordering::Relaxed)), (0, 0));
}

#[test]
fn however_much_slow_readers_hold_one_that_keeps_up_is_not_closed_for_it() {
    let held = Arc::new(Held::default());
    let text = Utf8Bytes::from("x".repeat(MAX_BYTES / 16));
    let slow: Vec<_> = (0..64).map(|_| mailbox(&held)).collect();
    let quick = mailbox(&held);
    for _ in 0..32 {
        slow.iter().chain([&quick]).for_each(|mailbox| mailbox.event(&text));
        assert!(matches!(quick.next(), Some(Next::Message(..))));
        assert!(quick.next().is_none());
    }
    assert!(slow.iter().all(|slow| slow.waiting.locked().lost.is_some()));
    assert!(held.bytes() > CROWDED / 2);
}
