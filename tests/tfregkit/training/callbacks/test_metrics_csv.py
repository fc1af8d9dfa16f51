"""What is left of `metrics.csv` on a resume."""

from tfregkit.training.callbacks.metrics_csv import MetricsCSV


def test_rows_after_the_checkpoint_and_half_lines_are_dropped(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss,val_dice\n1,0.5,\n2,0.4,0.7\n3,0.3,\n4,0.")
    callback = MetricsCSV(2, path, ["loss", "val_dice"])
    callback.on_train_begin()
    callback.after_step(3, {"loss": 0.25, "val_dice": 0.8, "stray": 1.0})
    callback.on_train_end()
    assert path.read_text().splitlines() == ["step,loss,val_dice", "1,0.5,", "2,0.4,0.7", "3,0.25,0.8"]


def test_a_row_is_on_disk_as_soon_as_the_step_is_done(tmp_path):
    callback = MetricsCSV(0, tmp_path / "metrics.csv", ["loss"])
    callback.on_train_begin()
    callback.after_step(1, {"loss": 0.25})
    assert (tmp_path / "metrics.csv").read_text().splitlines() == ["step,loss", "1,0.25"]
    callback.on_train_end()
