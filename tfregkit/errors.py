"""Every error a user can cause. The command line prints the message and exits with 2; `--debug` shows the trace."""


class TfregkitError(Exception):
    """Base of all errors that are the input's fault: the message names what is wrong, where, and the remedy."""


class ConfigError(TfregkitError):
    """A configuration file is wrong. The message has one line per problem: `file:line: path: what is wrong`."""


class PluginError(TfregkitError):
    """A plugin is broken, missing, or two plugins claim one name."""


class DataError(TfregkitError):
    """An image, label map, transform, point list or table cannot be used. The message names the file."""


class RunError(TfregkitError):
    """A run directory is missing, exists already, or does not fit the configuration."""


class TrainingError(TfregkitError):
    """Training cannot go on: a non-finite loss, no memory left, no space on the disk."""


def reason(error: Exception) -> str:
    """What is told of an error that concerns one of many pairs or images alone."""
    return str(error) if isinstance(error, TfregkitError) else f"{type(error).__name__}: {error}"
