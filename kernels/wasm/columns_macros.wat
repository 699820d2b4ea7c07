{# For products whose vectors run over outputs (columns.wat): pixels splat, tiles transposed. SIMD only. #}
{% import "macros.wat" as m with context %}

{% macro lanes(indices) %}
{% for i in indices %}{% for b in range(4) %} {{ 4 * i + b }}{% endfor %}{% endfor %}
{% endmacro %}

{# 1 to 4 floats at a byte offset from a pointer, the rest of the vector 0; and the reverse. Nothing beyond is touched. #}
{% macro load_part(n, offset, pointer) %}
{% if n == 4 %}
(v128.load offset={{ offset }} {{ pointer }})
{% elif n == 3 %}
(v128.load32_lane offset={{ offset + 8 }} 2 {{ pointer }} (v128.load64_zero offset={{ offset }} {{ pointer }}))
{% else %}
(v128.load{{ 32 * n }}_zero offset={{ offset }} {{ pointer }})
{% endif %}
{% endmacro %}

{% macro store_part(n, offset, pointer, value) %}
{% if n == 4 %}
(v128.store offset={{ offset }} {{ pointer }} {{ value }})
{% elif n == 3 %}
(local.set $v_r {{ value }})
(v128.store64_lane offset={{ offset }} 0 {{ pointer }} @v_r)
(v128.store32_lane offset={{ offset + 8 }} 2 {{ pointer }} @v_r)
{% else %}
(v128.store{{ 32 * n }}_lane offset={{ offset }} 0 {{ pointer }} {{ value }})
{% endif %}
{% endmacro %}

{# Multiplies out `tiles` (text) tiles of px pixels from the planes at $i_at, as [tile][k][px] vectors at $i_p. #}
{% macro splat_pixels(tiles, px, k, pitch) %}
{% call m.repeat("st", tiles) %}
(local.set $i_q @i_at)
{% call m.repeat("sk", "#%d" % k) %}
{% for x in range(0, px, 4) %}
{% set n = [4, px - x] | min %}
(local.set $v_q {{ load_part(n, 4 * x, "@i_q") }})
{% for lane in range(n) %}
(v128.store offset={{ 16 * (x + lane) }} @i_p (i8x16.shuffle{{ lanes([lane] * 4) }} @v_q @v_q))
{% endfor %}
{% endfor %}
{{ m.bump("i_q", pitch) }}
{{ m.bump("i_p", 16 * px) }}
{% endcall %}
{{ m.bump("i_at", 4 * px) }}
{% endcall %}
{% endmacro %}

{# All pixels at once into scratch, for a kernel that is called as a part of another. #}
{% macro splat_all(pieces, k, pitch) %}
(local.set $i_at @a)
(local.set $i_p @scratch)
{% for px, count in pieces %}
{{ splat_pixels("#%d" % count, px, k, pitch) }}
{% endfor %}
{% endmacro %}

{# Starts the sums $v_c<pixel>_<vector>: at zero, or at the channel operand that is the epilogue's `initial`. #}
{% macro start_columns(px, vectors, e) %}
{% for j in range(vectors) %}
(local.set $v_i {{ vconst(0) if e.initial < 0 else "(V.load offset=%d @i_%so%d)" % (16 * j, e.p, e.initial) }})
{% for i in range(px) %}
(local.set $v_c{{ i }}_{{ j }} @v_i)
{% endfor %}
{% endfor %}
{% endmacro %}

{# Four vectors of outputs become four vectors of pixels, $v_u0 to $v_u3. Missing pixels repeat the last. #}
{% macro turn(a, b, c, d) %}
(local.set $v_x (i8x16.shuffle{{ lanes([0, 4, 1, 5]) }} @{{ a }} @{{ b }}))
(local.set $v_y (i8x16.shuffle{{ lanes([0, 4, 1, 5]) }} @{{ c }} @{{ d }}))
(local.set $v_u0 (i8x16.shuffle{{ lanes([0, 1, 4, 5]) }} @v_x @v_y))
(local.set $v_u1 (i8x16.shuffle{{ lanes([2, 3, 6, 7]) }} @v_x @v_y))
(local.set $v_x (i8x16.shuffle{{ lanes([2, 6, 3, 7]) }} @{{ a }} @{{ b }}))
(local.set $v_y (i8x16.shuffle{{ lanes([2, 6, 3, 7]) }} @{{ c }} @{{ d }}))
(local.set $v_u2 (i8x16.shuffle{{ lanes([0, 1, 4, 5]) }} @v_x @v_y))
(local.set $v_u3 (i8x16.shuffle{{ lanes([2, 3, 6, 7]) }} @v_x @v_y))
{% endmacro %}

{# Transposes the tile, applies the epilogue and stores planes at $i_cp. #}
{% macro store_columns(px, vectors, pitch, e) %}
{% for j in range(vectors) %}
{% for x in range(0, px, 4) %}
{% set n = [4, px - x] | min %}
{% set last = px - 1 %}
{{ turn("v_c%d_%d" % (x, j), "v_c%d_%d" % ([x + 1, last] | min, j), "v_c%d_%d" % ([x + 2, last] | min, j),
        "v_c%d_%d" % ([x + 3, last] | min, j)) }}
{% for lane in range(4) %}
{% set row = 4 * j + lane %}
{% set leaves = ["@v_u%d" % lane] %}
{% for kind in e.operands %}
{% set o = e.p ~ "o" ~ loop.index0 %}
{% if kind == "channel" %}
{% do leaves.append("unused" if loop.index0 == e.initial else "(V.splat_load offset=%d @i_%s)" % (4 * row, o)) %}
{% else %}
{% do leaves.append(load_part(n, 4 * x + (row * pitch if kind == "full" else 0), "@i_" ~ o)) %}
{% endif %}
{% endfor %}
{{ store_part(n, row * pitch + 4 * x, "@i_cp", expr(e.expr, *leaves)) }}
{% endfor %}
{% endfor %}
{% endfor %}
{% endmacro %}
