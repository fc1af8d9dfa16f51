"""MONAI's UNETR (torch, channels first) with the same weights, and the number of them at the published size."""

import numpy as np
import pytest
from keras import ops

import tfregkit

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")
nets = pytest.importorskip("monai.networks.nets")
SIZES = {"feature_size": 3, "hidden_size": 10, "heads": 5, "mlp_size": 7}
MONAI_TAPS = [4, 7, 10]


def array(parameter):
    return parameter.detach().numpy()


def kernel(conv):
    """`(F, C, k, k[, k])` to `(k, k[, k], C, F)`."""
    weight = array(conv.weight)
    return np.moveaxis(weight, (0, 1), (-1, -2))


def copy_doubling(ours, theirs):
    """`(C, F, 2, 2[, 2])` to `(C, 2^N F)`."""
    weight = np.moveaxis(array(theirs.conv.weight if hasattr(theirs, "conv") else theirs.weight), 1, -1)
    ours.kernel.assign(weight.reshape(len(weight), -1))


def copy_dense(ours, theirs):
    ours.set_weights([array(theirs.weight).T] + ([] if theirs.bias is None else [array(theirs.bias)]))


def copy_residual(ours, theirs):
    pairs = [(ours.conv_1, theirs.conv1.conv), (ours.conv_2, theirs.conv2.conv)]
    if ours.shortcut:
        pairs.append((ours.shortcut[0], theirs.conv3.conv))
    for mine, peer in pairs:
        mine.set_weights([kernel(peer)])


def copy_encoder(ours, theirs):
    embedding = theirs.vit.patch_embedding
    weight = np.moveaxis(array(embedding.patch_embeddings.weight), (0, 1), (-1, -2))
    ours.embed.project.set_weights([weight.reshape(-1, weight.shape[-1]), array(embedding.patch_embeddings.bias)])
    ours.embed.position.assign(array(embedding.position_embeddings).reshape(ours.embed.position.shape))
    for mine, peer in zip(ours.transformer, theirs.vit.blocks, strict=True):
        for pair in [(mine.qkv, peer.attn.qkv), (mine.project, peer.attn.out_proj),
                     (mine.hidden, peer.mlp.linear1), (mine.out, peer.mlp.linear2)]:  # fmt: skip
            copy_dense(*pair)
        for norm, other in [(mine.norms[0], peer.norm1), (mine.norms[1], peer.norm2)]:
            norm.set_weights([array(other.weight), array(other.bias)])
    ours.norm.set_weights([array(theirs.vit.norm.weight), array(theirs.vit.norm.bias)])
    copy_residual(ours.image_block, theirs.encoder1.layer)
    for level, peer in enumerate([theirs.encoder2, theirs.encoder3, theirs.encoder4]):
        copy_doubling(ours.doublings[level][0], peer.transp_conv_init)
        for doubling, block, (up, residual) in zip(
            ours.doublings[level][1:], ours.blocks[level], peer.blocks, strict=True
        ):
            copy_doubling(doubling, up)
            copy_residual(block, residual)


def copy_decoder(ours, theirs):
    for level, peer in enumerate([theirs.decoder5, theirs.decoder4, theirs.decoder3, theirs.decoder2]):
        copy_doubling(ours.up[level], peer.transp_conv)
        copy_residual(ours.blocks[level], peer.conv_block)


@pytest.mark.parametrize("shape", [(32, 48, 16), (48, 32)])
def test_agrees_with_monai(shape):
    torch.manual_seed(1)
    peer = nets.UNETR(
        2, 5, shape, SIZES["feature_size"], SIZES["hidden_size"], SIZES["mlp_size"], SIZES["heads"],
        spatial_dims=len(shape),
    )  # fmt: skip
    with torch.no_grad():
        for name, parameter in peer.named_parameters():  # norms and biases that are not 1 and 0
            if "norm" in name or "bias" in name or "position" in name:
                parameter.add_(0.3 * torch.randn(parameter.shape))
    peer.out = torch.nn.Identity()
    positions = [size // 16 for size in shape]
    encoder = tfregkit.build("encoder", "unetr", positions=positions, taps=MONAI_TAPS, **SIZES)
    decoder = tfregkit.build("decoder", "unetr", filters=[3 * 2**k for k in (3, 2, 1, 0)])
    image = np.random.default_rng(0).normal(size=(2, *shape, 2)).astype(np.float32)
    decoder(encoder(image))
    copy_encoder(encoder, peer)
    copy_decoder(decoder, peer)
    with torch.no_grad():
        expected = peer(torch.tensor(np.moveaxis(image, -1, 1).copy()))
    found = ops.convert_to_numpy(decoder(encoder(image)))
    np.testing.assert_allclose(found, np.moveaxis(expected.numpy(), 1, -1), atol=2e-4)
    paper = tfregkit.build("encoder", "unetr", positions=positions, **SIZES)
    paper(image)
    paper.set_weights(encoder.get_weights())
    assert np.abs(found - ops.convert_to_numpy(decoder(paper(image)))).max() > 0.01  # taps one layer earlier
    counted = sum(p.numel() for name, p in peer.named_parameters() if "norm_cross_attn" not in name)  # never called
    assert encoder.count_params() + decoder.count_params() == counted
