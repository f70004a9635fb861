//! Skipping a value nobody wants: all of it is checked, nothing is kept.

use super::fault::{Fault, Scan};
use super::scan::Scanner;

impl Scanner<'_> {
    /// Moves over any value, checking all of it, without recursion: the open brackets are bits of a word.
    pub(super) fn skip_value(&mut self) -> Scan<()> {
        let outside = self.depth;
        let mut objects = 0u64;
        loop {
            match self.peek() {
                opening @ (b'{' | b'[') => {
                    self.enter()?;
                    self.skip_space();
                    let object = opening == b'{';
                    objects = objects << 1 | u64::from(object);
                    if self.peek() != if object { b'}' } else { b']' } {
                        if object {
                            self.key()?;
                        }
                        continue;
                    }
                    self.leave();
                    objects >>= 1;
                }
                _ => self.skip_scalar()?,
            }
            if !self.skip_closings(outside, &mut objects)? {
                return Ok(());
            }
        }
    }

    /// After a value: closes what closes here. True when another value of an open object or array follows.
    #[inline]
    fn skip_closings(&mut self, outside: usize, objects: &mut u64) -> Scan<bool> {
        while self.depth > outside {
            self.skip_space();
            let object = *objects & 1 == 1;
            match self.peek() {
                b',' => {
                    self.at += 1;
                    if object {
                        self.key()?;
                    } else {
                        self.skip_space();
                    }
                    return Ok(true);
                }
                b'}' if object => {}
                b']' if !object => {}
                _ => return Err(Fault::Comma),
            }
            self.leave();
            *objects >>= 1;
        }
        Ok(false)
    }
}
