"""The causal transformer (Vaswani et al. 2017, with the normalisation first, as Xiong et al. 2020)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Transformer(nn.Module):
    """Tokens to the logits of the next one: (N, T) of int64 -> (N, T, vocabulary). T is at most `context`."""

    def __init__(
        self, vocabulary: int, width: int = 128, *, context: int = 64, layers: int = 2, heads: int = 4
    ) -> None:
        """width: a multiple of `heads` is made of it."""
        super().__init__()
        width = max(1, width // heads) * heads
        self.tokens = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary)
        for table in (self.tokens, self.places):
            nn.init.normal_(table.weight, std=0.5)

    def forward(self, input_ids: Tensor) -> Tensor:
        """Logits for every place."""
        x = self.tokens(input_ids) + self.places.weight[: input_ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class Block(nn.Module):
    """Attention to what came before, then a network of its own for every place; both added to what they were given."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, width) -> (N, T, width)."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))

    def attention(self, x: Tensor) -> Tensor:
        """Each place looks at itself and at those before it."""
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(mixed.transpose(1, 2).flatten(2))


def transformer(vocabulary: int, width: int = 128, *, context: int = 64) -> Transformer:
    """Two blocks of four heads."""
    return Transformer(vocabulary, width, context=context)
