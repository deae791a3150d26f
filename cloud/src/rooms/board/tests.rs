use super::frames::FRAME;
use super::*;
use serde_json::Value;

fn row(id: &str, n: usize, spark: Option<&str>) -> NewRow {
    let body = format!(r#"{{"device_id":"{id}","n":{n}}}"#);
    NewRow { id: id.parse().unwrap(), change: RowChange { body, spark: spark.map(str::to_owned) } }
}

fn publish(board: &Board, rows: Vec<NewRow>, removed: &[&str]) -> Option<Arc<Tick>> {
    let removed = removed.iter().map(|id| id.parse().unwrap()).collect();
    board.publish(rows, removed, Timestamp::from_millis(0))
}

/// All that a reader gets now, and how many frames it was.
fn read(cursor: &mut Cursor, board: &Board, visible: &Visible) -> Vec<Value> {
    let mut all = Vec::new();
    while let Some(frame) = cursor.next(board, visible) {
        assert!(frame.len() < FRAME + 1000, "{}", frame.len());
        all.push(serde_json::from_str(&frame).unwrap());
    }
    all
}

#[test]
fn a_reader_gets_all_rows_and_then_those_that_change_with_their_curve_when_it_is_new() {
    let board = Board::default();
    let mut cursor = Cursor::default();
    let empty = read(&mut cursor, &board, &None);
    assert_eq!(
        (empty.len(), &empty[0]["type"], &empty[0]["payload"]["final"]),
        (1, &"fleet.snapshot".into(), &true.into())
    );
    let tick = publish(&board, vec![row("a", 1, Some("[1]")), row("b", 1, None)], &[]).unwrap();
    cursor.changed(&tick, true);
    let got = read(&mut cursor, &board, &None);
    assert_eq!(
        got[0]["payload"]["devices"].to_string(),
        r#"[{"device_id":"a","n":1,"spark":[1]},{"device_id":"b","n":1}]"#
    );
    assert!(publish(&board, vec![row("a", 1, Some("[1]"))], &[]).is_none(), "nothing has changed");
    let tick = publish(&board, vec![row("a", 2, None)], &["b"]).unwrap();
    cursor.changed(&tick, true);
    let got = read(&mut cursor, &board, &None);
    assert_eq!(got[0]["payload"]["devices"].to_string(), r#"[{"device_id":"a","n":2}]"#);
    assert_eq!(got[0]["payload"]["removed"].to_string(), r#"["b"]"#);
    // Who comes now finds what is there, with its curve.
    let got = read(&mut Cursor::default(), &board, &None);
    assert_eq!(got[0]["payload"]["devices"].to_string(), r#"[{"device_id":"a","n":2,"spark":[1]}]"#);
}

#[test]
fn a_curve_that_has_become_empty_is_told_to_those_who_have_the_old_one() {
    let board = Board::default();
    let (mut quick, mut slow) = (Cursor::default(), Cursor::default());
    publish(&board, vec![row("a", 1, Some("[1]")), row("b", 1, Some(""))], &[]);
    read(&mut quick, &board, &None);
    read(&mut slow, &board, &None);
    let tick = publish(&board, vec![row("a", 2, Some("")), row("b", 2, Some(""))], &[]).unwrap();
    quick.changed(&tick, true);
    let told = r#"[{"device_id":"a","n":2,"spark":null},{"device_id":"b","n":2}]"#;
    for reader in [&mut quick, &mut slow] {
        assert_eq!(read(reader, &board, &None)[0]["payload"]["devices"].to_string(), told);
    }
    let new = read(&mut Cursor::default(), &board, &None);
    assert_eq!(
        new[0]["payload"]["devices"].to_string(),
        r#"[{"device_id":"a","n":2},{"device_id":"b","n":2}]"#
    );
}

#[test]
fn those_who_keep_up_share_the_frames_and_a_slow_one_finds_the_latest_row_of_each() {
    let board = Board::default();
    let all = |n: usize| (0..1000).map(|d| row(&format!("d{d:03}"), n, None)).collect::<Vec<_>>();
    let mut readers = [Cursor::default(), Cursor::default(), Cursor::default()];
    for reader in &mut readers {
        read(reader, &board, &None);
    }
    let [first, second, slow] = &mut readers;
    for n in 0..20 {
        let tick = publish(&board, all(n), &[]).unwrap();
        for reader in [&mut *first, &mut *second, &mut *slow] {
            reader.changed(&tick, true);
        }
        if n == 0 {
            // It takes one frame and then stops reading.
            slow.next(&board, &None).unwrap();
        }
        let one = first.next(&board, &None).unwrap();
        let other = second.next(&board, &None).unwrap();
        assert_eq!(one.as_ptr(), other.as_ptr(), "made once");
        read(first, &board, &None);
        read(second, &board, &None);
    }
    let mut latest = std::collections::BTreeMap::new();
    for frame in read(slow, &board, &None) {
        assert_eq!(frame["type"], "fleet.update");
        for row in frame["payload"]["devices"].as_array().unwrap() {
            assert!(latest.insert(row["device_id"].to_string(), row["n"].clone()).is_none(), "each once");
        }
    }
    assert!(latest.len() == 1000 && latest.values().all(|n| *n == 19));
}

#[test]
fn a_reader_of_some_devices_gets_theirs_and_one_that_was_away_too_long_gets_all_anew() {
    let board = Board::default();
    let visible: Visible = Some(Arc::new(["b", "x"].iter().map(|id| id.parse().unwrap()).collect()));
    publish(&board, vec![row("a", 1, None), row("b", 1, None), row("c", 1, None)], &[]);
    let mut cursor = Cursor::default();
    let got = read(&mut cursor, &board, &visible);
    assert_eq!(got[0]["payload"]["devices"].to_string(), r#"[{"device_id":"b","n":1}]"#);
    let tick = publish(&board, vec![row("a", 2, None)], &["c"]).unwrap();
    cursor.changed(&tick, false);
    assert!(read(&mut cursor, &board, &visible).is_empty(), "nothing of its own");
    let mut away = Cursor::default();
    read(&mut away, &board, &None);
    for n in 0..1200 {
        publish(&board, vec![row("b", n, None)], &[]);
    }
    let got = read(&mut away, &board, &None);
    assert_eq!(got[0]["type"], "fleet.snapshot", "the removal of c is not known any more");
}
