//! Volumes.

use super::*;

pub(super) fn volume(fields: Fields) -> Json {
    let none = object(vec![("name", name())], vec![]);
    let some = merged(none.clone(), exactly_one(sources(fields)));
    prop_oneof![1 => none, 9 => some].boxed()
}

fn sources(fields: Fields) -> Vec<(&'static str, Json)> {
    let mut sources = vec![
        ("hostPath", object(vec![("path", path())], vec![("type", one_of(&["", "Directory"]))])),
        ("emptyDir", empty_dir()),
        (
            "gitRepo",
            object(vec![("repository", name())], vec![("revision", name()), ("directory", name())]),
        ),
        ("secret", files("secretName")),
        ("configMap", files("name")),
        (
            "downwardAPI",
            object(vec![], vec![("items", list(downward_item(), 2)), ("defaultMode", mode())]),
        ),
        ("projected", projected(fields)),
        ("persistentVolumeClaim", object(vec![("claimName", name())], vec![("readOnly", flag())])),
        ("ephemeral", object(vec![("volumeClaimTemplate", claim_template())], vec![])),
        ("csi", csi()),
    ];
    sources.extend(block_devices());
    sources.extend(file_systems());
    if fields == Fields::WithGated {
        let policy = one_of(&["Always", "Never", "IfNotPresent", ""]);
        sources.push((
            "image",
            object(vec![("reference", container::image())], vec![("pullPolicy", policy)]),
        ));
    }
    sources
}

/// Unique paths in a projected volume.
pub(super) fn reconcile(volume: &mut Value) {
    let sources = volume.pointer_mut("/projected/sources").and_then(Value::as_array_mut);
    for (i, source) in sources.into_iter().flatten().enumerate() {
        for source in source.as_object_mut().into_iter().flat_map(|kinds| kinds.values_mut()) {
            for field in ["path", "credentialBundlePath"] {
                if source.get(field).is_some() {
                    source[field] = json!(format!("{i}"));
                }
            }
            let items = source.get_mut("items").and_then(Value::as_array_mut);
            for (j, item) in items.into_iter().flatten().enumerate() {
                item["path"] = json!(format!("{i}-{j}"));
            }
        }
    }
}

fn path() -> Json {
    one_of(&["/", "/data", "/a/b"])
}

fn mode() -> Json {
    int(0..=511)
}

fn secret_ref() -> Json {
    object(vec![("name", name())], vec![])
}

fn empty_dir() -> Json {
    object(
        vec![],
        vec![
            ("medium", one_of(&["", "Memory"])),
            ("sizeLimit", prop_oneof![small_quantity(), large_quantity()].boxed()),
        ],
    )
}

/// A secret or a config map, named in `name_field`.
fn files(name_field: &'static str) -> Json {
    object(
        vec![(name_field, name())],
        vec![("items", list(file(), 2)), ("defaultMode", mode()), ("optional", flag())],
    )
}

fn file() -> Json {
    object(vec![("key", name()), ("path", name())], vec![("mode", mode())])
}

fn downward_item() -> Json {
    let in_container =
        merged(container::resource_field_ref(), object(vec![("containerName", name())], vec![]));
    merged(
        object(vec![("path", name())], vec![("mode", mode())]),
        exactly_one(vec![("fieldRef", container::field_ref()), ("resourceFieldRef", in_container)]),
    )
}

fn projected(fields: Fields) -> Json {
    let files =
        || object(vec![("name", name())], vec![("items", list(file(), 2)), ("optional", flag())]);
    let token = object(
        vec![("path", name())],
        vec![("audience", name()), ("expirationSeconds", int(600..=3601))],
    );
    let mut sources = vec![
        ("secret", files()),
        ("configMap", files()),
        ("downwardAPI", object(vec![], vec![("items", list(downward_item(), 2))])),
        ("serviceAccountToken", token),
    ];
    if fields == Fields::WithGated {
        let bundle = prop_oneof![
            object(vec![("path", name()), ("name", name())], vec![("optional", flag())]),
            object(
                vec![
                    ("path", name()),
                    ("signerName", one_of(&["example.com/a"])),
                    ("labelSelector", pod::label_selector())
                ],
                vec![("optional", flag())]
            ),
        ];
        let certificate = object(
            vec![
                ("signerName", one_of(&["example.com/a"])),
                ("keyType", one_of(&["ED25519"])),
                ("credentialBundlePath", name()),
            ],
            vec![("maxExpirationSeconds", int(3600..=7200))],
        );
        sources.push(("clusterTrustBundle", bundle.boxed()));
        sources.push(("podCertificate", certificate));
    }
    object(vec![("sources", list(exactly_one(sources), 3))], vec![("defaultMode", mode())])
}

fn claim_template() -> Json {
    let data_source = object(
        vec![
            ("kind", name()),
            ("name", name()),
            ("apiGroup", one_of(&["snapshot.storage.k8s.io"])),
        ],
        vec![],
    );
    let data_source = prop_oneof![
        data_source.clone().prop_map(|source| json!({"dataSource": source})),
        data_source.clone().prop_map(|source| json!({"dataSourceRef": source})),
        data_source.prop_map(|source| json!({"dataSource": source, "dataSourceRef": source})),
        Just(json!({})),
    ];
    let resources =
        object(vec![("requests", object(vec![("storage", large_quantity())], vec![]))], vec![]);
    let spec = object(
        vec![
            (
                "accessModes",
                one_of(&["ReadWriteOnce", "ReadOnlyMany"]).prop_map(|mode| json!([mode])).boxed(),
            ),
            ("resources", resources),
        ],
        vec![
            ("selector", pod::label_selector()),
            ("volumeName", name()),
            ("storageClassName", prop_oneof![name(), Just(json!(""))].boxed()),
            ("volumeMode", one_of(&["Filesystem", "Block"])),
            ("volumeAttributesClassName", name()),
        ],
    );
    let metadata = object(vec![], vec![("labels", labels()), ("annotations", annotations())]);
    object(vec![("spec", merged(spec, data_source.boxed()))], vec![("metadata", metadata)])
}

fn csi() -> Json {
    object(
        vec![("driver", name())],
        vec![
            ("readOnly", flag()),
            ("fsType", prop_oneof![name(), Just(json!(""))].boxed()),
            ("volumeAttributes", labels()),
            ("nodePublishSecretRef", secret_ref()),
        ],
    )
}

fn block_devices() -> Vec<(&'static str, Json)> {
    let disk = |id: &'static str| {
        object(
            vec![(id, name())],
            vec![("fsType", name()), ("partition", int(0..=3)), ("readOnly", flag())],
        )
    };
    let plain = |id: &'static str| {
        object(vec![(id, name())], vec![("fsType", name()), ("readOnly", flag())])
    };
    let iscsi = object(
        vec![
            ("targetPortal", one_of(&["10.0.0.1:3260"])),
            ("iqn", one_of(&["iqn.2001-04.com.example:storage"])),
            ("lun", int(0..=3)),
        ],
        vec![
            ("iscsiInterface", name()),
            ("fsType", name()),
            ("readOnly", flag()),
            ("portals", list(one_of(&["10.0.0.2:3260"]), 1)),
            ("secretRef", secret_ref()),
            ("initiatorName", one_of(&["iqn.2001-04.com.example:client"])),
        ],
    );
    let fc = prop_oneof![
        object(vec![("wwids", some(name(), 2))], vec![("fsType", name()), ("readOnly", flag())]),
        object(
            vec![("targetWWNs", some(name(), 2)), ("lun", int(0..=3))],
            vec![("readOnly", flag())]
        ),
    ];
    let azure_disk = prop_oneof![
        object(
            vec![("diskName", name()), ("diskURI", one_of(&["https://blob/disk.vhd"]))],
            vec![
                ("cachingMode", one_of(&["None", "ReadOnly", "ReadWrite"])),
                ("fsType", name()),
                ("readOnly", flag()),
                ("kind", one_of(&["Shared", "Dedicated"])),
            ]
        ),
        object(
            vec![
                ("diskName", name()),
                ("diskURI", one_of(&["/subscriptions/x"])),
                ("kind", one_of(&["Managed"]))
            ],
            vec![("fsType", name())]
        ),
    ];
    vec![
        ("gcePersistentDisk", disk("pdName")),
        ("awsElasticBlockStore", disk("volumeID")),
        ("cinder", merged(plain("volumeID"), object(vec![], vec![("secretRef", secret_ref())]))),
        ("portworxVolume", plain("volumeID")),
        ("photonPersistentDisk", object(vec![("pdID", name())], vec![("fsType", name())])),
        (
            "vsphereVolume",
            object(
                vec![("volumePath", name())],
                vec![
                    ("fsType", name()),
                    ("storagePolicyName", name()),
                    ("storagePolicyID", name()),
                ],
            ),
        ),
        ("iscsi", iscsi),
        ("fc", fc.boxed()),
        ("azureDisk", azure_disk.boxed()),
        ("rbd", rbd()),
        ("scaleIO", scale_io()),
    ]
}

fn rbd() -> Json {
    object(
        vec![("monitors", some(name(), 2)), ("image", name())],
        vec![
            ("fsType", name()),
            ("pool", name()),
            ("user", name()),
            ("keyring", name()),
            ("secretRef", secret_ref()),
            ("readOnly", flag()),
        ],
    )
}

fn scale_io() -> Json {
    object(
        vec![
            ("gateway", name()),
            ("system", name()),
            ("secretRef", secret_ref()),
            ("volumeName", name()),
        ],
        vec![
            ("sslEnabled", flag()),
            ("protectionDomain", name()),
            ("storagePool", name()),
            ("storageMode", one_of(&["ThickProvisioned", "ThinProvisioned", ""])),
            ("fsType", name()),
            ("readOnly", flag()),
        ],
    )
}

fn file_systems() -> Vec<(&'static str, Json)> {
    vec![
        ("nfs", object(vec![("server", name()), ("path", path())], vec![("readOnly", flag())])),
        (
            "glusterfs",
            object(vec![("endpoints", name()), ("path", name())], vec![("readOnly", flag())]),
        ),
        (
            "cephfs",
            object(
                vec![("monitors", some(name(), 2))],
                vec![
                    ("path", path()),
                    ("user", name()),
                    ("secretFile", name()),
                    ("secretRef", secret_ref()),
                    ("readOnly", flag()),
                ],
            ),
        ),
        ("flocker", exactly_one(vec![("datasetName", name()), ("datasetUUID", name())])),
        (
            "quobyte",
            object(
                vec![("registry", one_of(&["q:1234"])), ("volume", name())],
                vec![("readOnly", flag()), ("user", name()), ("group", name()), ("tenant", name())],
            ),
        ),
        (
            "azureFile",
            object(vec![("secretName", name()), ("shareName", name())], vec![("readOnly", flag())]),
        ),
        (
            "flexVolume",
            object(
                vec![("driver", one_of(&["example.com/driver"]))],
                vec![
                    ("fsType", name()),
                    ("secretRef", secret_ref()),
                    ("readOnly", flag()),
                    ("options", labels()),
                ],
            ),
        ),
        (
            "storageos",
            object(
                vec![("volumeName", name())],
                vec![
                    ("volumeNamespace", name()),
                    ("fsType", name()),
                    ("readOnly", flag()),
                    ("secretRef", secret_ref()),
                ],
            ),
        ),
    ]
}
