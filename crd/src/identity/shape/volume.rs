//! Volumes, one kind of source after the other.

use super::Kind::{Bool, Int, List, Map, Object, Quantity, Resources, Text};
use super::container::{OBJECT_FIELD_SELECTOR, RESOURCE_FIELD_SELECTOR};
use super::pod::{LOCAL_OBJECT_REFERENCE, OBJECT_META};
use super::scheduling::LABEL_SELECTOR;
use super::{Rule, Shape, always, flag, nullable, number, omitted, pointer, text};

pub(super) static VOLUME: Shape = Shape::new(&[
    always("name", Text),
    pointer("hostPath", Object(&HOST_PATH_VOLUME_SOURCE)),
    pointer("emptyDir", Object(&EMPTY_DIR_VOLUME_SOURCE)),
    pointer("gcePersistentDisk", Object(&GCE_PERSISTENT_DISK_VOLUME_SOURCE)),
    pointer("awsElasticBlockStore", Object(&AWS_ELASTIC_BLOCK_STORE_VOLUME_SOURCE)),
    pointer("gitRepo", Object(&GIT_REPO_VOLUME_SOURCE)),
    pointer("secret", Object(&SECRET_VOLUME_SOURCE)),
    pointer("nfs", Object(&NFS_VOLUME_SOURCE)),
    pointer("iscsi", Object(&ISCSI_VOLUME_SOURCE)),
    pointer("glusterfs", Object(&GLUSTERFS_VOLUME_SOURCE)),
    pointer("persistentVolumeClaim", Object(&PERSISTENT_VOLUME_CLAIM_VOLUME_SOURCE)),
    pointer("rbd", Object(&RBD_VOLUME_SOURCE)),
    pointer("flexVolume", Object(&FLEX_VOLUME_SOURCE)),
    pointer("cinder", Object(&CINDER_VOLUME_SOURCE)),
    pointer("cephfs", Object(&CEPH_FS_VOLUME_SOURCE)),
    pointer("flocker", Object(&FLOCKER_VOLUME_SOURCE)),
    pointer("downwardAPI", Object(&DOWNWARD_API_VOLUME_SOURCE)),
    pointer("fc", Object(&FC_VOLUME_SOURCE)),
    pointer("azureFile", Object(&AZURE_FILE_VOLUME_SOURCE)),
    pointer("configMap", Object(&CONFIG_MAP_VOLUME_SOURCE)),
    pointer("vsphereVolume", Object(&VSPHERE_VIRTUAL_DISK_VOLUME_SOURCE)),
    pointer("quobyte", Object(&QUOBYTE_VOLUME_SOURCE)),
    pointer("azureDisk", Object(&AZURE_DISK_VOLUME_SOURCE)),
    pointer("photonPersistentDisk", Object(&PHOTON_PERSISTENT_DISK_VOLUME_SOURCE)),
    pointer("projected", Object(&PROJECTED_VOLUME_SOURCE)),
    pointer("portworxVolume", Object(&PORTWORX_VOLUME_SOURCE)),
    pointer("scaleIO", Object(&SCALE_IO_VOLUME_SOURCE)),
    pointer("storageos", Object(&STORAGE_OS_VOLUME_SOURCE)),
    pointer("csi", Object(&CSI_VOLUME_SOURCE)),
    pointer("ephemeral", Object(&EPHEMERAL_VOLUME_SOURCE)),
    pointer("image", Object(&IMAGE_VOLUME_SOURCE)),
])
.with(Rule::Volume);

pub(super) static HOST_PATH_VOLUME_SOURCE: Shape =
    Shape::new(&[always("path", Text), pointer("type", Text).or(text(""))]);

pub(super) static EMPTY_DIR_VOLUME_SOURCE: Shape = Shape::new(&[
    omitted("medium", Text),
    pointer("sizeLimit", Quantity),
    pointer("mode", Int).meaning(number(0o777)),
]);

pub(super) static GCE_PERSISTENT_DISK_VOLUME_SOURCE: Shape = Shape::new(&[
    always("pdName", Text),
    omitted("fsType", Text),
    omitted("partition", Int),
    omitted("readOnly", Bool),
]);

pub(super) static AWS_ELASTIC_BLOCK_STORE_VOLUME_SOURCE: Shape = Shape::new(&[
    always("volumeID", Text),
    omitted("fsType", Text),
    omitted("partition", Int),
    omitted("readOnly", Bool),
]);

pub(super) static GIT_REPO_VOLUME_SOURCE: Shape = Shape::new(&[
    always("repository", Text),
    omitted("revision", Text),
    omitted("directory", Text),
]);

pub(super) static SECRET_VOLUME_SOURCE: Shape = Shape::new(&[
    omitted("secretName", Text),
    omitted("items", List(&Object(&KEY_TO_PATH))),
    pointer("defaultMode", Int).or(number(0o644)),
    pointer("optional", Bool),
    pointer("defaultUser", Int),
]);

pub(super) static NFS_VOLUME_SOURCE: Shape =
    Shape::new(&[always("server", Text), always("path", Text), omitted("readOnly", Bool)]);

pub(super) static ISCSI_VOLUME_SOURCE: Shape = Shape::new(&[
    always("targetPortal", Text),
    always("iqn", Text),
    always("lun", Int),
    omitted("iscsiInterface", Text).or(text("default")),
    omitted("fsType", Text),
    omitted("readOnly", Bool),
    omitted("portals", List(&Text)),
    omitted("chapAuthDiscovery", Bool),
    omitted("chapAuthSession", Bool),
    pointer("secretRef", Object(&LOCAL_OBJECT_REFERENCE)),
    pointer("initiatorName", Text),
]);

pub(super) static GLUSTERFS_VOLUME_SOURCE: Shape =
    Shape::new(&[always("endpoints", Text), always("path", Text), omitted("readOnly", Bool)]);

pub(super) static PERSISTENT_VOLUME_CLAIM_VOLUME_SOURCE: Shape =
    Shape::new(&[always("claimName", Text), omitted("readOnly", Bool)]);

pub(super) static RBD_VOLUME_SOURCE: Shape = Shape::new(&[
    always("monitors", List(&Text)),
    always("image", Text),
    omitted("fsType", Text),
    omitted("pool", Text).or(text("rbd")),
    omitted("user", Text).or(text("admin")),
    omitted("keyring", Text).or(text("/etc/ceph/keyring")),
    pointer("secretRef", Object(&LOCAL_OBJECT_REFERENCE)),
    omitted("readOnly", Bool),
]);

pub(super) static FLEX_VOLUME_SOURCE: Shape = Shape::new(&[
    always("driver", Text),
    omitted("fsType", Text),
    pointer("secretRef", Object(&LOCAL_OBJECT_REFERENCE)),
    omitted("readOnly", Bool),
    omitted("options", Map(&Text)),
]);

pub(super) static CINDER_VOLUME_SOURCE: Shape = Shape::new(&[
    always("volumeID", Text),
    omitted("fsType", Text),
    omitted("readOnly", Bool),
    pointer("secretRef", Object(&LOCAL_OBJECT_REFERENCE)),
]);

pub(super) static CEPH_FS_VOLUME_SOURCE: Shape = Shape::new(&[
    always("monitors", List(&Text)),
    omitted("path", Text),
    omitted("user", Text),
    omitted("secretFile", Text),
    pointer("secretRef", Object(&LOCAL_OBJECT_REFERENCE)),
    omitted("readOnly", Bool),
]);

pub(super) static FLOCKER_VOLUME_SOURCE: Shape =
    Shape::new(&[omitted("datasetName", Text), omitted("datasetUUID", Text)]);

pub(super) static DOWNWARD_API_VOLUME_SOURCE: Shape = Shape::new(&[
    omitted("items", List(&Object(&DOWNWARD_API_VOLUME_FILE))),
    pointer("defaultMode", Int).or(number(0o644)),
    pointer("defaultUser", Int),
]);

pub(super) static FC_VOLUME_SOURCE: Shape = Shape::new(&[
    omitted("targetWWNs", List(&Text)),
    pointer("lun", Int),
    omitted("fsType", Text),
    omitted("readOnly", Bool),
    omitted("wwids", List(&Text)),
]);

pub(super) static AZURE_FILE_VOLUME_SOURCE: Shape =
    Shape::new(&[always("secretName", Text), always("shareName", Text), omitted("readOnly", Bool)]);

pub(super) static CONFIG_MAP_VOLUME_SOURCE: Shape = Shape::new(&[
    omitted("name", Text),
    omitted("items", List(&Object(&KEY_TO_PATH))),
    pointer("defaultMode", Int).or(number(0o644)),
    pointer("optional", Bool),
    pointer("defaultUser", Int),
]);

pub(super) static VSPHERE_VIRTUAL_DISK_VOLUME_SOURCE: Shape = Shape::new(&[
    always("volumePath", Text),
    omitted("fsType", Text),
    omitted("storagePolicyName", Text),
    omitted("storagePolicyID", Text),
]);

pub(super) static QUOBYTE_VOLUME_SOURCE: Shape = Shape::new(&[
    always("registry", Text),
    always("volume", Text),
    omitted("readOnly", Bool),
    omitted("user", Text),
    omitted("group", Text),
    omitted("tenant", Text),
]);

pub(super) static AZURE_DISK_VOLUME_SOURCE: Shape = Shape::new(&[
    always("diskName", Text),
    always("diskURI", Text),
    pointer("cachingMode", Text).or(text("ReadWrite")),
    pointer("fsType", Text).or(text("ext4")),
    pointer("readOnly", Bool).or(flag(false)),
    pointer("kind", Text).or(text("Shared")),
]);

pub(super) static PHOTON_PERSISTENT_DISK_VOLUME_SOURCE: Shape =
    Shape::new(&[always("pdID", Text), omitted("fsType", Text)]);

pub(super) static PROJECTED_VOLUME_SOURCE: Shape = Shape::new(&[
    always("sources", List(&Object(&VOLUME_PROJECTION))),
    pointer("defaultMode", Int).or(number(0o644)),
    pointer("defaultUser", Int),
]);

pub(super) static PORTWORX_VOLUME_SOURCE: Shape =
    Shape::new(&[always("volumeID", Text), omitted("fsType", Text), omitted("readOnly", Bool)]);

pub(super) static SCALE_IO_VOLUME_SOURCE: Shape = Shape::new(&[
    always("gateway", Text),
    always("system", Text),
    nullable("secretRef", Object(&LOCAL_OBJECT_REFERENCE)),
    omitted("sslEnabled", Bool),
    omitted("protectionDomain", Text),
    omitted("storagePool", Text),
    omitted("storageMode", Text).or(text("ThinProvisioned")),
    omitted("volumeName", Text),
    omitted("fsType", Text).or(text("xfs")),
    omitted("readOnly", Bool),
]);

pub(super) static STORAGE_OS_VOLUME_SOURCE: Shape = Shape::new(&[
    omitted("volumeName", Text),
    omitted("volumeNamespace", Text),
    omitted("fsType", Text),
    omitted("readOnly", Bool),
    pointer("secretRef", Object(&LOCAL_OBJECT_REFERENCE)),
]);

pub(super) static CSI_VOLUME_SOURCE: Shape = Shape::new(&[
    always("driver", Text),
    pointer("readOnly", Bool),
    pointer("fsType", Text),
    omitted("volumeAttributes", Map(&Text)),
    pointer("nodePublishSecretRef", Object(&LOCAL_OBJECT_REFERENCE)),
]);

pub(super) static EPHEMERAL_VOLUME_SOURCE: Shape =
    Shape::new(&[pointer("volumeClaimTemplate", Object(&PERSISTENT_VOLUME_CLAIM_TEMPLATE))]);

pub(super) static IMAGE_VOLUME_SOURCE: Shape =
    Shape::new(&[omitted("reference", Text), omitted("pullPolicy", Text)]).with(Rule::ImageVolume);

pub(super) static KEY_TO_PATH: Shape = Shape::new(&[
    always("key", Text),
    always("path", Text),
    pointer("mode", Int),
    pointer("user", Int),
]);

pub(super) static DOWNWARD_API_VOLUME_FILE: Shape = Shape::new(&[
    always("path", Text),
    pointer("fieldRef", Object(&OBJECT_FIELD_SELECTOR)),
    pointer("resourceFieldRef", Object(&RESOURCE_FIELD_SELECTOR)),
    pointer("mode", Int),
    pointer("user", Int),
]);

pub(super) static VOLUME_PROJECTION: Shape = Shape::new(&[
    pointer("secret", Object(&SECRET_PROJECTION)),
    pointer("downwardAPI", Object(&DOWNWARD_API_PROJECTION)),
    pointer("configMap", Object(&CONFIG_MAP_PROJECTION)),
    pointer("serviceAccountToken", Object(&SERVICE_ACCOUNT_TOKEN_PROJECTION)),
    pointer("clusterTrustBundle", Object(&CLUSTER_TRUST_BUNDLE_PROJECTION)),
    pointer("podCertificate", Object(&POD_CERTIFICATE_PROJECTION)),
]);

pub(super) static PERSISTENT_VOLUME_CLAIM_TEMPLATE: Shape = Shape::new(&[
    always("metadata", Object(&OBJECT_META)),
    always("spec", Object(&PERSISTENT_VOLUME_CLAIM_SPEC)),
]);

pub(super) static SECRET_PROJECTION: Shape = Shape::new(&[
    omitted("name", Text),
    omitted("items", List(&Object(&KEY_TO_PATH))),
    pointer("optional", Bool),
]);

pub(super) static DOWNWARD_API_PROJECTION: Shape =
    Shape::new(&[omitted("items", List(&Object(&DOWNWARD_API_VOLUME_FILE)))]);

pub(super) static CONFIG_MAP_PROJECTION: Shape = Shape::new(&[
    omitted("name", Text),
    omitted("items", List(&Object(&KEY_TO_PATH))),
    pointer("optional", Bool),
]);

pub(super) static SERVICE_ACCOUNT_TOKEN_PROJECTION: Shape = Shape::new(&[
    omitted("audience", Text),
    pointer("expirationSeconds", Int).or(number(3600)),
    always("path", Text),
    pointer("user", Int),
]);

pub(super) static CLUSTER_TRUST_BUNDLE_PROJECTION: Shape = Shape::new(&[
    pointer("name", Text),
    pointer("signerName", Text),
    pointer("labelSelector", Object(&LABEL_SELECTOR)),
    pointer("optional", Bool),
    always("path", Text),
    pointer("user", Int),
]);

pub(super) static POD_CERTIFICATE_PROJECTION: Shape = Shape::new(&[
    omitted("signerName", Text),
    omitted("keyType", Text),
    pointer("maxExpirationSeconds", Int),
    omitted("credentialBundlePath", Text),
    omitted("keyPath", Text),
    omitted("certificateChainPath", Text),
    omitted("userAnnotations", Map(&Text)),
    pointer("user", Int),
]);

pub(super) static PERSISTENT_VOLUME_CLAIM_SPEC: Shape = Shape::new(&[
    omitted("accessModes", List(&Text)),
    pointer("selector", Object(&LABEL_SELECTOR)),
    always("resources", Object(&VOLUME_RESOURCE_REQUIREMENTS)),
    omitted("volumeName", Text),
    pointer("storageClassName", Text),
    pointer("volumeMode", Text).or(text("Filesystem")),
    pointer("dataSource", Object(&TYPED_LOCAL_OBJECT_REFERENCE)),
    pointer("dataSourceRef", Object(&TYPED_OBJECT_REFERENCE)),
    pointer("volumeAttributesClassName", Text),
]);

pub(super) static VOLUME_RESOURCE_REQUIREMENTS: Shape =
    Shape::new(&[omitted("limits", Resources), omitted("requests", Resources)]);

pub(super) static TYPED_LOCAL_OBJECT_REFERENCE: Shape =
    Shape::new(&[nullable("apiGroup", Text), always("kind", Text), always("name", Text)]);

pub(super) static TYPED_OBJECT_REFERENCE: Shape = Shape::new(&[
    nullable("apiGroup", Text),
    always("kind", Text),
    always("name", Text),
    pointer("namespace", Text),
]);
