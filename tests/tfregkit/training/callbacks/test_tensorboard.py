"""Event files that TensorBoard reads."""

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tfregkit.training.callbacks.tensorboard import TensorBoard


def test_numbers_are_written_under_their_groups(tmp_path):
    callback = TensorBoard(0, tmp_path / "tensorboard")
    callback.on_train_begin()
    callback.after_step(3, {"loss": 0.5, "val_dice": 0.25, "wait": 0.125})
    callback.on_train_end()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert set(events.Tags()["tensors"]) == {"training/loss", "validation/dice", "time/wait"}
    (event,) = events.Tensors("validation/dice")
    assert (event.step, list(event.tensor_proto.float_val)) == (3, [0.25])
