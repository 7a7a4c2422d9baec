//! How items grow, in ChatKit's words.

use serde::Serialize;
use serde_json::Value;

use crate::chat::ItemUpdate;
use crate::domain::{Annotation, OutputText, Picture, Task};

/// We write one part per message.
const PART: usize = 0;

/// How an item grew.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub enum Update<'a> {
    /// The message's part begins.
    #[serde(rename = "assistant_message.content_part.added")]
    PartAdded {
        /// Which part.
        content_index: usize,
        /// Empty.
        content: OutputText,
    },
    /// The message's part grows.
    #[serde(rename = "assistant_message.content_part.text_delta")]
    TextDelta {
        /// Which part.
        content_index: usize,
        /// By what.
        delta: &'a str,
    },
    /// The message's part gets a source.
    #[serde(rename = "assistant_message.content_part.annotation_added")]
    AnnotationAdded {
        /// Which part.
        content_index: usize,
        /// Which source.
        annotation_index: usize,
        /// The source.
        annotation: &'a Annotation,
    },
    /// The message's part is whole.
    #[serde(rename = "assistant_message.content_part.done")]
    PartDone {
        /// Which part.
        content_index: usize,
        /// The part.
        content: &'a OutputText,
    },
    /// A step begins.
    #[serde(rename = "workflow.task.added")]
    TaskAdded {
        /// Which.
        task_index: usize,
        /// The step.
        task: &'a Task,
    },
    /// A step changed.
    #[serde(rename = "workflow.task.updated")]
    TaskUpdated {
        /// Which.
        task_index: usize,
        /// The whole step.
        task: &'a Task,
    },
    /// A widget's text grows.
    #[serde(rename = "widget.streaming_text.value_delta")]
    WidgetText {
        /// Which part of the widget.
        component_id: &'a str,
        /// By what.
        delta: &'a str,
        /// Whether it is whole.
        done: bool,
    },
    /// A part of a widget changed.
    #[serde(rename = "widget.component.updated")]
    WidgetPart {
        /// Which part.
        component_id: &'a str,
        /// The whole part.
        component: &'a Value,
    },
    /// A widget is another one.
    #[serde(rename = "widget.root.updated")]
    Widget {
        /// The whole widget.
        widget: &'a Value,
    },
    /// A picture is there, or clearer.
    #[serde(rename = "generated_image.updated")]
    Image {
        /// The picture.
        image: &'a Picture,
        /// From 0 to 1.
        #[serde(skip_serializing_if = "Option::is_none")]
        progress: Option<f64>,
    },
}

impl<'a> From<&'a ItemUpdate> for Update<'a> {
    fn from(update: &'a ItemUpdate) -> Self {
        match update {
            ItemUpdate::TextBegun => {
                Self::PartAdded { content_index: PART, content: OutputText::default() }
            }
            ItemUpdate::TextDelta(delta) => Self::TextDelta { content_index: PART, delta },
            ItemUpdate::Annotated(annotation_index, annotation) => Self::AnnotationAdded {
                content_index: PART,
                annotation_index: *annotation_index,
                annotation,
            },
            ItemUpdate::TextDone(content) => Self::PartDone { content_index: PART, content },
            ItemUpdate::TaskAdded(task_index, task) => {
                Self::TaskAdded { task_index: *task_index, task }
            }
            ItemUpdate::TaskUpdated(task_index, task) => {
                Self::TaskUpdated { task_index: *task_index, task }
            }
            ItemUpdate::WidgetTextDelta(text) => Self::WidgetText {
                component_id: &text.component,
                delta: &text.delta,
                done: text.done,
            },
            ItemUpdate::WidgetPartUpdated(part) => {
                Self::WidgetPart { component_id: &part.0, component: &part.1 }
            }
            ItemUpdate::WidgetUpdated(widget) => Self::Widget { widget },
            ItemUpdate::ImageUpdated(image, progress) => Self::Image { image, progress: *progress },
        }
    }
}
