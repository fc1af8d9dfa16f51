"""A UNETR that is built in a second: patches of 4 voxels, so levels P0, P1 and the tokens' P2."""

ENCODER = {
    "name": "unetr", "patch_size": 4, "feature_size": 3, "hidden_size": 10, "depth": 4, "heads": 5, "mlp_size": 7,
    "positions": 2,
}  # fmt: skip
DECODER = {"name": "unetr", "filters": [6, 5]}
