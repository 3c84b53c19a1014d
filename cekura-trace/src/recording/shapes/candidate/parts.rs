//! Reads the choices of an answer, and the tools that it asks for.
//!
//! Invariant: of a choice whose index is not 0, only the reason why it ended is kept.

use super::{Candidate, Choice, NAME, Part};
use crate::clip::clip;
use crate::recording::shapes::place::Slot;
use crate::recording::shapes::tools::Tool;

impl Candidate {
    pub(super) fn begin_choice(&mut self) {
        self.end_choice();
        let start = (self.length(), self.finish_reasons.len(), self.tools().len());
        let count = self.choice.count;
        self.choice = Choice { start, index: count, is_open: true, count: count + 1 };
        self.part = Part::default();
        self.leave_tool();
    }

    /// Keeps the answer of the choice that was read if it is the first one, whatever its place.
    pub(super) fn end_choice(&mut self) {
        let Choice { start: (length, reasons, tools), index, is_open, .. } = self.choice;
        if !is_open {
            return;
        }
        self.choice.is_open = false;
        for (of, _) in self.finish_reasons.iter_mut().skip(reasons) {
            *of = index;
        }
        if index != 0 {
            self.cut(length);
            if let Some(rare) = &mut self.rare {
                rare.tools.truncate(tools);
            }
        }
    }

    pub(super) fn tools(&self) -> &[Tool] {
        self.rare.as_ref().map_or(&[], |rare| &rare.tools)
    }

    pub(super) fn tool_text(&mut self, slot: Slot, text: &str, limit: usize) {
        let tool = self.tool();
        match slot {
            Slot::ToolArguments => self.arguments(text, limit),
            _ if text.len() <= NAME => {
                tool.is_doubtful = tool.arguments.is_empty() && matches!(slot, Slot::PartName);
                text.clone_into(&mut tool.name);
            }
            _ => {}
        }
    }

    /// The arguments of the tool that is being read, as JSON.
    pub(in crate::recording::shapes) fn arguments(&mut self, json: &str, limit: usize) {
        let tool = self.tool();
        tool.is_doubtful = false;
        tool.arguments.push_str(clip(json, limit.saturating_add(4) - tool.arguments.len().min(limit)));
    }

    /// The tool that is being read.
    pub(super) fn tool(&mut self) -> &mut Tool {
        let rare = self.rare();
        if !rare.is_in_tool || rare.tools.is_empty() {
            rare.is_in_tool = true;
            rare.tools.push(Tool::default());
        }
        let last = rare.tools.len() - 1;
        &mut rare.tools[last]
    }

    pub(super) fn leave_tool(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.is_in_tool = false;
        }
    }
}
