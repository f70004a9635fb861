//! The slot filler: walks an object once, descends where somebody wants something, skips (and checks) the rest.

use super::fault::{Fault, Scan};
use super::scan::Scanner;
use crate::decode::DecodeError;
use crate::event::slots::PathNode;
use crate::event::{PathTree, Slots, Value};

/// Fills `slots` with what `tree` wants of a JSON text. The whole text is checked, also what nobody wants.
///
/// At a wanted place a scalar is pushed as it is, an array element by element, an object as its JSON text; an array inside an
/// array is pushed as its JSON text. Slots may be half filled when the text turns out to be malformed.
///
/// # Errors
/// The text is malformed, cut short, nests too deep or goes on after its end.
pub fn fill<'a>(text: &'a str, tree: &PathTree, slots: &mut Slots<'a>) -> Result<(), DecodeError> {
    let mut filler = Filler { scanner: Scanner::new(text), tree, slots };
    filler.whole().map_err(|fault| filler.scanner.error(fault))
}

struct Filler<'a, 't, 's> {
    scanner: Scanner<'a>,
    tree: &'t PathTree,
    slots: &'s mut Slots<'a>,
}

impl<'a, 't> Filler<'a, 't, '_> {
    fn whole(&mut self) -> Scan<()> {
        self.scanner.skip_space();
        self.value(self.tree.node(PathTree::ROOT), PathTree::ROOT)?;
        self.scanner.finish()
    }

    /// A value at a wanted node, or below one.
    fn value(&mut self, node: &'t PathNode, index: u32) -> Scan<()> {
        let start = self.scanner.at;
        match self.scanner.peek() {
            b'{' => {
                self.object(node, index)?;
                self.put(node, Value::Json(&self.scanner.text[start..self.scanner.at]));
                Ok(())
            }
            b'[' => self.array(node, index),
            _ if node.targets.is_empty() => self.scanner.skip_value(),
            _ => {
                let value = self.scanner.scalar()?;
                self.put(node, value);
                Ok(())
            }
        }
    }

    fn object(&mut self, node: &'t PathNode, index: u32) -> Scan<()> {
        if node.children.is_empty() {
            return self.scanner.skip_value();
        }
        let mut more = self.scanner.open(b'}')?;
        while more {
            let key = self.scanner.key()?;
            let child = if key.escaped { self.tree.child(index, &key.text()) } else { self.tree.child(index, key.raw) };
            match child {
                Some(child) => self.value(self.tree.node(child), child)?,
                None => self.scanner.skip_value()?,
            }
            more = self.scanner.more(b'}')?;
        }
        Ok(())
    }

    fn array(&mut self, node: &'t PathNode, index: u32) -> Scan<()> {
        let mut more = self.scanner.open(b']')?;
        while more {
            if self.scanner.peek() == b'[' {
                self.inner_array(node, index)?;
            } else {
                self.value(node, index)?;
            }
            more = self.scanner.more(b']')?;
        }
        Ok(())
    }

    /// An array that is itself an element: one value for the targets, transparent for the children.
    fn inner_array(&mut self, node: &'t PathNode, index: u32) -> Scan<()> {
        let start = self.scanner.at;
        self.below(node, index)?;
        self.put(node, Value::Json(&self.scanner.text[start..self.scanner.at]));
        Ok(())
    }

    /// Any value inside an inner array: only its objects' members are looked at.
    fn below(&mut self, node: &'t PathNode, index: u32) -> Scan<()> {
        match self.scanner.peek() {
            b'{' => self.object(node, index),
            b'[' if !node.children.is_empty() => {
                let mut more = self.scanner.open(b']')?;
                while more {
                    self.below(node, index)?;
                    more = self.scanner.more(b']')?;
                }
                Ok(())
            }
            0 => Err(Fault::Value),
            _ => self.scanner.skip_value(),
        }
    }

    #[inline]
    fn put(&mut self, node: &PathNode, value: Value<'a>) {
        let Some((last, others)) = node.targets.split_last() else { return };
        for target in others {
            self.slots.put(*target, value.clone());
        }
        self.slots.put(*last, value);
    }
}
