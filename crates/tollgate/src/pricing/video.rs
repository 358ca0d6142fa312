//! What a second of video costs: a rate's name is a list of words joined by `+`, such as `720p`, `1080p+audio`,
//! `pro+silent`, `video-input+480p`, or `default`.
//!
//! Of the rates whose words are all true of a video the one with most to say counts: resolution before mode before
//! sound before what it was made from.

use super::{Price, Rates};
use tollgate_protocol::video::kind::{Resolution, Sound, VIDEO_INPUT, VideoKind, VideoMode};

/// The rate for everything that no other one is for.
const DEFAULT: &str = "default";

/// Whether a rate may have this name.
pub fn is_rate_name(name: &str) -> bool {
    name == DEFAULT || name.split('+').all(is_word)
}

fn is_word(word: &str) -> bool {
    Resolution::read(word).is_some_and(|resolution| resolution.name() == word)
        || VideoMode::read(word).is_some()
        || Sound::ALL.iter().any(|sound| *sound != Sound::Unknown && sound.name() == word)
        || word == VIDEO_INPUT
}

impl Rates {
    /// The rate of a second.
    pub fn video(&self, kind: VideoKind) -> Option<u64> {
        let words = kind.words();
        let said = |name: &str| {
            let weight = |word: &str| words.iter().find(|(own, _)| *own == word && !own.is_empty()).map(|(_, w)| *w);
            name.split('+').map(weight).sum::<Option<u8>>()
        };
        let best = self.video_second.iter().filter_map(|(name, rate)| Some((said(name)?, *rate))).max();
        best.map(|(_, rate)| rate).or_else(|| self.video_second.get(DEFAULT).copied())
    }

    /// The dearest that a second may be, where not all is known of it yet.
    fn dearest_video(&self, kind: VideoKind) -> Option<u64> {
        fn fill<T: Copy + Default + PartialEq>(known: T, all: &[T]) -> Vec<T> {
            if known == T::default() { all.to_vec() } else { vec![known] }
        }
        let mut most = None;
        for resolution in fill(kind.resolution, &Resolution::ALL) {
            // What is 4k as a mode is so as a resolution: where the one is known, the other is no surprise.
            let could = |mode: &VideoMode| *mode != VideoMode::Ultra || resolution == Resolution::K4;
            for mode in fill(kind.mode, &VideoMode::ALL).into_iter().filter(|mode| kind.mode == *mode || could(mode)) {
                for sound in fill(kind.sound, &Sound::ALL) {
                    most = most.max(self.video(VideoKind { resolution, mode, sound, ..kind }));
                }
            }
        }
        most
    }
}

impl Price {
    /// The most that so many milliseconds of such a video can cost, in nano-dollars, rounded up; `tokens` is what the
    /// vendor may count for it, where it counts any.
    pub fn video_ceiling(&self, milliseconds: u64, tokens: u64, kind: VideoKind) -> i64 {
        let Some(row) = self.rows.first() else { return 0 };
        let most = |quantity: u64, rate: u64, per: i128| {
            let sum = i128::from(quantity).saturating_mul(i128::from(rate)).saturating_add(per - 1) / per;
            i64::try_from(sum).unwrap_or(i64::MAX)
        };
        let by_length = row.rates.dearest_video(kind).map_or(0, |rate| most(milliseconds, rate, 1_000));
        row.rates.output.filter(|_| tokens > 0).map_or(by_length, |rate| most(tokens, rate, 1_000_000))
    }

    /// Whether video is paid by the vendor's tokens, not by its length.
    pub fn sells_video_by_tokens(&self) -> bool {
        self.rows.first().is_some_and(|row| row.rates.output.is_some())
    }

    /// Whether it has a rate for video at all.
    pub fn sells_video(&self) -> bool {
        self.rows.first().is_some_and(|row| !row.rates.video_second.is_empty()) || self.sells_video_by_tokens()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(list: &[(&str, u64)]) -> Rates {
        let video_second = list.iter().map(|(name, rate)| ((*name).to_owned(), *rate)).collect();
        Rates { video_second, ..Rates::default() }
    }

    const PRO: VideoKind =
        VideoKind { resolution: Resolution::P1080, mode: VideoMode::Professional, sound: Sound::On, from_video: false };

    #[test]
    fn the_rate_that_says_most() {
        let all = rates(&[("default", 1), ("1080p", 2), ("pro", 3), ("pro+audio", 4), ("720p", 5), ("video-input", 6)]);
        assert_eq!(all.video(PRO), Some(2));
        assert_eq!(rates(&[("default", 1), ("pro", 3), ("pro+audio", 4)]).video(PRO), Some(4));
        assert_eq!(rates(&[("default", 1), ("pro+silent", 4)]).video(PRO), Some(1));
        assert_eq!(rates(&[("720p", 4)]).video(PRO), None);
        assert_eq!(all.video(VideoKind { from_video: true, ..VideoKind::default() }), Some(6));
        assert_eq!(all.video(VideoKind::default()), Some(1));
        let ultra = VideoKind { resolution: Resolution::K4, mode: VideoMode::Ultra, ..VideoKind::default() };
        assert_eq!(rates(&[("default", 1), ("4k", 9)]).video(ultra), Some(9));
    }

    #[test]
    fn the_dearest_that_it_may_be() {
        let all = rates(&[("default", 1), ("720p", 5), ("1080p", 8), ("4k", 20), ("video-input", 50)]);
        assert_eq!(all.dearest_video(VideoKind::default()), Some(20));
        assert_eq!(all.dearest_video(VideoKind { resolution: Resolution::P720, ..VideoKind::default() }), Some(5));
        let veo = rates(&[("default", 4), ("4k", 6)]);
        assert_eq!(veo.dearest_video(VideoKind { resolution: Resolution::P720, ..VideoKind::default() }), Some(4));
        assert_eq!(all.dearest_video(VideoKind { from_video: true, ..VideoKind::default() }), Some(50));
        assert_eq!(rates(&[]).dearest_video(PRO), None);
    }

    #[test]
    fn names() {
        assert!(
            ["default", "720p", "4k", "pro+audio", "std+silent", "video-input+480p"].iter().all(|n| is_rate_name(n))
        );
        assert!(["", "720P", "big", "pro+", "default+pro"].iter().all(|n| !is_rate_name(n)));
    }
}
