//! What is made here is what it says it is, by ffmpeg's judgement where that is at hand.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]

use std::process::Command;

use super::*;

const SIZES: &[(u32, u32)] =
    &[(1280, 720), (720, 1280), (1920, 1080), (1024, 1792), (864, 480), (3840, 2160), (2176, 928)];

/// What ffprobe says of a file, or none where there is no ffprobe.
fn probe(name: &str, bytes: &[u8], entries: &str) -> Option<String> {
    let path = std::env::temp_dir().join(format!("tollgate-sim-{}-{name}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    let run = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-of", "csv=p=0", "-show_entries", entries])
        .arg(&path)
        .output();
    std::fs::remove_file(&path).unwrap();
    let Ok(output) = run else {
        println!("skipped: ffprobe is not installed");
        return None;
    };
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{name}");
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

#[test]
fn clips_decode_without_a_complaint_and_have_their_size_and_length() {
    for (at, &(width, height)) in SIZES.iter().enumerate() {
        for frames in if at == 0 { [1, 121, 721].as_slice() } else { &[25] } {
            let frames = *frames;
            let turn = u16::try_from(at).unwrap();
            let clip = mp4(Picture { width, height, turn }, frames, "note");
            assert!(clip.len() < 100_000, "{}", clip.len());
            let Some(told) = probe(
                &format!("{width}x{height}-{frames}.mp4"),
                &clip,
                "stream=codec_name,profile,width,height,duration,nb_read_frames",
            ) else {
                return;
            };
            let seconds = f64::from(frames) / 24.0;
            assert_eq!(told, format!("h264,Constrained Baseline,{width},{height},{seconds:.6},{frames}"));
        }
    }
}

#[test]
fn pictures_decode_without_a_complaint_and_have_their_size() {
    for (at, &(width, height)) in SIZES.iter().take(2).chain(SIZES.last()).enumerate() {
        let picture = Picture { width, height, turn: u16::try_from(at).unwrap() };
        let small = picture.shrunk(320);
        for (name, bytes, shape) in
            [("a.webp", webp(small), small), ("a.jpg", jpeg(small), small), ("a.png", png(picture), picture)]
        {
            let Some(told) = probe(name, &bytes, "stream=width,height,nb_read_frames") else {
                return;
            };
            assert_eq!(told, format!("{},{},1", shape.width, shape.height), "{name}");
        }
    }
}

#[test]
fn a_different_turn_or_note_is_a_different_file() {
    let picture = Picture { width: 1280, height: 720, turn: 1 };
    let clip = mp4(picture, 24, "a");
    assert_ne!(clip, mp4(Picture { turn: 2, ..picture }, 24, "a"));
    assert_ne!(clip, mp4(picture, 24, "b"));
    assert_eq!(clip, mp4(picture, 24, "a"));
}
