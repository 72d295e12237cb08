"""D-FINE on tiny random weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import DFineConfig, DFineForObjectDetection, HGNetV2Config, RTDetrImageProcessor

from nflows_core.runtime.errors import CommandError
from nflows_privacy.detection import DetectorSettings, Look, load_detector, weights_of
from nflows_privacy.regions import Region

CLASSES = {0: "person", 1: "dog", 2: "Car", 3: "truck"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    narrow = {"stage_mid_channels": [4] * 4, "stage_out_channels": [8] * 4, "hidden_sizes": [8] * 4}
    backbone = HGNetV2Config(
        stem_channels=[3, 4, 4],
        stage_in_channels=[4, 8, 8, 8],
        stage_num_blocks=[1] * 4,
        stage_numb_of_layers=[1] * 4,
        depths=[1] * 4,
        embedding_size=4,
        out_indices=[2, 3, 4],
        **narrow,
    )
    config = DFineConfig(
        backbone_config=backbone,
        encoder_in_channels=[8] * 3,
        encoder_hidden_dim=16,
        encoder_ffn_dim=16,
        encoder_attention_heads=2,
        decoder_in_channels=[16] * 3,
        decoder_attention_heads=2,
        decoder_ffn_dim=16,
        decoder_layers=2,
        decoder_n_points=[2] * 3,
        d_model=16,
        num_queries=12,
        num_denoising=0,
        id2label=CLASSES,
        label2id={name: number for number, name in CLASSES.items()},
    )
    path = tmp_path_factory.mktemp("models") / "dfine-small-coco"
    DFineForObjectDetection(config).save_pretrained(path)
    RTDetrImageProcessor(size={"height": 64, "width": 64}).save_pretrained(path)
    return path


def scene() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (60, 90, 3)).astype(np.uint8)


def test_a_folder_finds_persons_and_vehicles_as_transformers_says(folder: Path) -> None:
    settings = DetectorSettings((str(folder),), threshold=0.0, device="cpu")
    detector = load_detector(settings)
    assert detector.kinds == {"person", "vehicle"}
    assert weights_of(settings) == {str(folder): folder}
    found = detector(scene())
    assert found == detector(scene())
    processor = RTDetrImageProcessor.from_pretrained(folder)
    model = DFineForObjectDetection.from_pretrained(folder).eval()
    with torch.inference_mode():
        outputs = model(**processor(images=scene(), return_tensors="pt"))
    (expected,) = processor.post_process_object_detection(outputs, 0.0, [(60, 90)])
    labels, boxes = expected["labels"].tolist(), expected["boxes"].numpy()
    kinds = {0: "person", 2: "vehicle", 3: "vehicle"}
    assert {region.kind for region in found} == {kinds[label] for label in labels if label in kinds}
    for region in found:
        same = np.abs(boxes - np.array(region.box)).max(axis=1) < 1e-3
        assert region.kind in {kinds.get(label) for label, is_same in zip(labels, same, strict=True) if is_same}


def test_the_check_looks_at_the_mirrored_picture(folder: Path) -> None:
    detector = load_detector(DetectorSettings((str(folder),), threshold=0.0, device="cpu"))
    mirrored = detector(scene()[:, ::-1].copy())

    def place(region: Region) -> tuple[float, ...]:
        return 90 - region.box.right, region.box.top, 90 - region.box.left, region.box.bottom

    checked = detector(scene(), Look.CHECK)
    assert checked
    assert [one.box for one in checked] == [pytest.approx(place(one)) for one in mirrored]


def test_the_published_model_is_found_by_its_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NFLOWS_MODELS", str(tmp_path))
    for name in ("dfine", "ustc-community/dfine-large-coco"):
        with pytest.raises(CommandError, match="transformers' layout"):
            weights_of(DetectorSettings((name,)))
    monkeypatch.setenv("NFLOWS_MODELS", str(folder.parent))
    assert weights_of(DetectorSettings(("dfine",))) == {"dfine": folder}
    assert load_detector(DetectorSettings(("dfine",), device="cpu")).kinds == {"person", "vehicle"}


def test_a_damaged_folder_and_one_without_such_classes_are_refused(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    config = json.loads((copy / "config.json").read_text())
    settings = DetectorSettings((str(copy),), device="cpu")
    (copy / "config.json").write_text(json.dumps({**config, "id2label": {str(number): "sign" for number in CLASSES}}))
    with pytest.raises(ValueError, match="has no class of persons or vehicles"):
        load_detector(settings)
    (copy / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="copy is damaged"):
        load_detector(settings)
    (copy / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="does not describe a detector"):
        load_detector(settings)
