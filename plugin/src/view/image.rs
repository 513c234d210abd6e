//! The images that run, and for which versions.

use super::experiment::ExperimentView;
use super::replica_set::{ReplicaSetView, Tag};

/// An image, with the parts that the versions play that run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageView {
    /// The image as the pod template has it.
    pub image: String,
    /// The parts: of one version in the order of the tree, of several in the order of the alphabet.
    pub tags: Vec<Tag>,
}

impl ImageView {
    /// The images of all versions that have pods, in the order of the alphabet.
    pub(crate) fn of(sets: &[ReplicaSetView], experiments: &[ExperimentView]) -> Vec<Self> {
        let mut images: Vec<Self> = Vec::new();
        for set in sets.iter().filter(|set| set.replicas > 0) {
            for image in &set.images {
                merge(&mut images, image, set.tags.clone());
            }
        }
        let of_experiments = experiments.iter().flat_map(|experiment| &experiment.replica_sets);
        for set in of_experiments.filter(|set| set.replicas > 0) {
            let tags = set.template.iter().map(|name| Tag::Experiment(name.clone()));
            for image in &set.images {
                merge(&mut images, image, tags.clone().collect());
            }
        }
        images.sort_by(|a, b| a.image.cmp(&b.image));
        images
    }
}

fn merge(images: &mut Vec<ImageView>, image: &str, tags: Vec<Tag>) {
    match images.iter_mut().find(|known| known.image == image) {
        Some(known) => {
            known.tags.extend(tags);
            known.tags.sort_by_key(Tag::word);
            known.tags.dedup();
        }
        None => images.push(ImageView { image: image.to_owned(), tags }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(sets: &[(&str, &[Tag])]) -> Vec<(String, String)> {
        let mut images = Vec::new();
        for (image, tags) in sets {
            merge(&mut images, image, tags.to_vec());
        }
        let words = |tags: &[Tag]| tags.iter().map(Tag::word).collect::<Vec<_>>().join(", ");
        images.iter().map(|image| (image.image.clone(), words(&image.tags))).collect()
    }

    #[test]
    fn tags_of_several_versions_are_sorted() {
        let one = merged(&[("web:v1", &[Tag::Stable, Tag::Active])]);
        assert_eq!(one, [("web:v1".to_owned(), "stable, active".to_owned())]);
        let two = merged(&[
            ("web:v1", &[Tag::Stable, Tag::Active]),
            ("web:v1", &[Tag::Preview]),
            ("web:v1", &[Tag::Active]),
        ]);
        assert_eq!(two, [("web:v1".to_owned(), "active, preview, stable".to_owned())]);
    }
}
