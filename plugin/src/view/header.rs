//! The head of `get rollout`: name, status, step, images, numbers of pods.

use super::colour::Palette;
use super::image::ImageView;
use super::rollout::{RolloutView, StrategyView};

/// The lines of the head, each without its line break.
pub fn lines(view: &RolloutView, palette: Palette) -> Vec<String> {
    let phase = &view.phase;
    let mut head = vec![
        field("Name:", &view.name),
        field("Namespace:", &view.namespace),
        field("Status:", &format!("{} {}", phase.icon().paint(palette), phase.phase)),
    ];
    if !phase.message.is_empty() {
        head.push(field("Message:", &phase.message));
    }
    head.push(field("Strategy:", view.strategy.word()));
    if let StrategyView::Canary { step, set_weight, actual_weight } = &view.strategy {
        let step = step.map(|(over, count)| format!("{over}/{count}")).unwrap_or_default();
        head.push(field("  Step:", &step));
        head.push(field("  SetWeight:", &set_weight.to_string()));
        head.push(field("  ActualWeight:", &actual_weight.to_string()));
    }
    for (index, image) in view.images.iter().enumerate() {
        let label = if index == 0 { "Images:" } else { "" };
        head.push(field(label, &image_text(image, palette)));
    }
    head.push("Replicas:".to_owned());
    head.push(field("  Desired:", &view.desired.to_string()));
    for (label, pods) in [
        ("  Current:", view.current),
        ("  Updated:", view.updated),
        ("  Ready:", view.ready),
        ("  Available:", view.available),
    ] {
        head.push(field(label, &pods.to_string()));
    }
    head
}

/// A labelled line of a head.
pub(crate) fn field(label: &str, value: &str) -> String {
    format!("{label:<17}{value}")
}

fn image_text(image: &ImageView, palette: Palette) -> String {
    if image.tags.is_empty() {
        return image.image.clone();
    }
    let tags: Vec<_> =
        image.tags.iter().map(|tag| palette.paint(&tag.word(), tag.colour())).collect();
    format!("{} ({})", image.image, tags.join(", "))
}
