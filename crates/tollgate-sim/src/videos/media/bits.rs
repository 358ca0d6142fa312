//! A writer of bits, most significant first, with the two number codes of H.264.

#[derive(Debug, Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    current: u64,
    count: u32,
}

impl Bits {
    /// The lowest `count` bits of `value`, at most 32.
    pub(super) fn put(&mut self, value: u32, count: u32) {
        self.current = self.current << count | (u64::from(value) & ((1 << count) - 1));
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let [.., byte] = (self.current >> self.count).to_be_bytes();
            self.bytes.push(byte);
        }
    }

    pub(super) fn flag(&mut self, flag: bool) {
        self.put(u32::from(flag), 1);
    }

    /// Exp-Golomb: small numbers in few bits.
    pub(super) fn unsigned(&mut self, value: u32) {
        let bits = 32 - (value + 1).leading_zeros();
        self.put(0, bits - 1);
        self.put(value + 1, bits);
    }

    /// The same for numbers on both sides of 0.
    pub(super) fn signed(&mut self, value: i32) {
        let twice = value.unsigned_abs() * 2;
        self.unsigned(if value > 0 { twice - 1 } else { twice });
    }

    /// A one and zeros up to the next byte.
    pub(super) fn stop(mut self) -> Vec<u8> {
        self.put(1, 1);
        self.padded(0)
    }

    /// The same bit up to the next byte.
    pub(super) fn padded(mut self, bit: u32) -> Vec<u8> {
        while self.count != 0 {
            self.put(bit, 1);
        }
        self.bytes
    }
}

/// A writer of bits, least significant first, as deflate and `WebP` have them.
#[derive(Debug, Default)]
pub(super) struct LowBits {
    bytes: Vec<u8>,
    current: u64,
    count: u32,
}

impl LowBits {
    /// The lowest `count` bits of `value`, at most 32.
    pub(super) fn put(&mut self, value: u32, count: u32) {
        self.current |= (u64::from(value) & ((1 << count) - 1)) << self.count;
        self.count += count;
        while self.count >= 8 {
            let [byte, ..] = self.current.to_le_bytes();
            self.bytes.push(byte);
            self.current >>= 8;
            self.count -= 8;
        }
    }

    /// A prefix code, whose first bit is its most significant one.
    pub(super) fn code(&mut self, code: u32, count: u32) {
        for bit in (0..count).rev() {
            self.put(code >> bit & 1, 1);
        }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.put(0, 8 - self.count);
        }
        self.bytes
    }
}
