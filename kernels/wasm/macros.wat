{# Shared by all sources. VB, the bytes of a vector, is L floats. #}

{# Runs the body n times, n >= 1, counting $i_<name> down. #}
{% macro repeat(name, n) %}
(local.set $i_{{ name }} {{ n }})
(loop $L_{{ name }}
{{ caller() }}
(br_if $L_{{ name }} (local.tee $i_{{ name }} (i32.sub @i_{{ name }} #1))))
{% endmacro %}

{# Runs the body with $i_<name> from start to end - 1; not at all when the range is empty. #}
{% macro for(name, start, end) %}
(local.set $i_{{ name }} {{ start }})
(if (i32.lt_u @i_{{ name }} {{ end }}) (then (loop $L_{{ name }}
{{ caller() }}
(br_if $L_{{ name }} (i32.lt_u (local.tee $i_{{ name }} (i32.add @i_{{ name }} #1)) {{ end }})))))
{% endmacro %}

{% macro bump(pointer, bytes) %}
(local.set ${{ pointer }} (i32.add @{{ pointer }} #{{ bytes }}))
{% endmacro %}

{# Ends the run because of a value (text), and leaves which check that is, the value and its limit, see faults.py. #}
{% macro fault(check, value, limit) %}
(i32.store offset=4 #0 #{{ check }})
(i32.store offset=8 #0 {{ value }})
(i32.store offset=12 #0 #{{ limit }})
unreachable
{% endmacro %}

{# acc += a * b. Fused multiply-add only where the variant asks for it: it is not faster on every machine. #}
{% macro madd(acc, a, b, relaxed) %}
{% if relaxed %}
(local.set ${{ acc }} (f32x4.relaxed_madd {{ a }} {{ b }} @{{ acc }}))
{% else %}
(local.set ${{ acc }} (V.add @{{ acc }} (V.mul {{ a }} {{ b }})))
{% endif %}
{% endmacro %}

{# Fills `floats` floats (a multiple of L) from pointer $i_<p> with the vector text `value`; $i_<p> is behind them then. #}
{% macro fill(p, floats, value, L) %}
{% if value == vconst(0) and floats >= 256 %}
{{ fill_bytes("@i_" ~ p, 4 * floats, 0) }}
{{ bump("i_" ~ p, 4 * floats) }}
{% else %}
{% call repeat("fill", "#%d" % (floats // L)) %}
(V.store @i_{{ p }} {{ value }})
{{ bump("i_" ~ p, 4 * L) }}
{% endcall %}
{% endif %}
{% endmacro %}

{# Sets `n` bytes. Engines call the system's own function for it, which writes up to 64 bytes at once: 1.7 times as fast
   as vector stores above some 100 kB, and no slower above 1 kB. #}
{% macro fill_bytes(dst, n, value, at=0) %}
(memory.fill (i32.add {{ dst }} #{{ at }}) #{{ value }} #{{ n }})
{% endmacro %}

{# Multiplies out scalars from $i_q to vectors at $i_p, so that the product loop needs no shuffle: `times` (text) rounds
   of `n` scalars, n a power of two. Shuffles of a loaded vector cost half of what single broadcasts do. #}
{% macro splat_panel(times, n, L) %}
{% call repeat("s", times) %}
{% if n % 4 == 0 and L == 4 %}
{% for u in range(0, n, 4) %}
(local.set $v_q (v128.load offset={{ 4 * u }} @i_q))
{% for lane in range(4) %}
{% set b = 4 * lane %}
(v128.store offset={{ 16 * (u + lane) }} @i_p (i8x16.shuffle{{ (" %d %d %d %d" % (b, b + 1, b + 2, b + 3)) * 4 }} @v_q @v_q))
{% endfor %}
{% endfor %}
{% else %}
{% for u in range(n) %}
(V.store offset={{ 4 * L * u }} @i_p (V.splat_load offset={{ 4 * u }} @i_q))
{% endfor %}
{% endif %}
{{ bump("i_p", 4 * L * n) }}
{{ bump("i_q", 4 * n) }}
{% endcall %}
{% endmacro %}

{# Scalars that one round of splat_panel takes, for n in all. #}
{% macro round_of(n) %}{{ 16 if n % 16 == 0 else 8 if n % 8 == 0 else 4 if n % 4 == 0 else 2 if n % 2 == 0 else 1 }}{% endmacro %}

{# Multiplies out `groups` (text) groups of nr rows, kc floats of each row of k, from $i_q, as [kc][nr] vectors at $i_p. #}
{% macro splat_rows(groups, nr, k, kc, L) %}
{% call repeat("s", groups) %}
{% call repeat("r", "#%d" % kc) %}
{% for j in range(nr) %}
(V.store offset={{ 4 * L * j }} @i_p (V.splat_load offset={{ 4 * k * j }} @i_q))
{% endfor %}
{{ bump("i_p", 4 * L * nr) }}
{{ bump("i_q", 4) }}
{% endcall %}
{{ bump("i_q", 4 * (k * nr - kc)) }}
{% endcall %}
{% endmacro %}

{# Moves `floats` floats from $i_<s> + offset to $i_<d> + offset, in the widest pieces that a variant has. #}
{% macro move(d, s, offset, floats, L) %}
{% set wide = [L, 2] | max %}
{% set kind = "i64" if L == 1 else "v128" %}
{% for x in range(0, floats - floats % wide, wide) %}
({{ kind }}.store offset={{ offset + 4 * x }} @i_{{ d }} ({{ kind }}.load offset={{ offset + 4 * x }} @i_{{ s }}))
{% endfor %}
{% for x in range(floats - floats % wide, floats) %}
(f32.store offset={{ offset + 4 * x }} @i_{{ d }} (f32.load offset={{ offset + 4 * x }} @i_{{ s }}))
{% endfor %}
{% endmacro %}

{# Moves a run of n floats from $i_<s> to $i_<d>: a loop over pieces, and the rest. Pointers move along. #}
{% macro move_run(name, d, s, n, L) %}
{% set chunk = 8 * L if L > 1 else 16 %}
{% if n // chunk > 1 %}
{% call repeat(name, "#%d" % (n // chunk)) %}
{{ move(d, s, 0, chunk, L) }}
{{ bump("i_" ~ s, 4 * chunk) }}
{{ bump("i_" ~ d, 4 * chunk) }}
{% endcall %}
{{ move(d, s, 0, n % chunk, L) }}
{% else %}
{{ move(d, s, 0, n, L) }}
{% endif %}
{% endmacro %}

{# Copies a plane of h x w floats from $i_src to the padded, phase-split scratch at $i_dst (see plane geometry `g`):
   padded column p stands in phase p mod stride at index p div stride, so that a strided window reads contiguously. #}
{% macro copy_plane(g, L) %}
{{ bump("i_dst", g.top * g.row_bytes) }}
{{ copy_rows(g, "#%d" % g.h, L) }}
{% endmacro %}

{# Copies `rows` (text) rows of it, from $i_src to $i_dst. #}
{% macro copy_rows(g, rows, L) %}
{% call repeat("cy", rows) %}
{% if g.stride == 1 %}
(local.set $i_cs @i_src)
(local.set $i_cd (i32.add @i_dst #{{ 4 * g.left }}))
{{ move_run("cx", "cd", "cs", g.w, L) }}
{% else %}
{% set pairs = g.w // (2 * L) if g.stride == 2 and L > 1 else 0 %}
{% for t in range(pairs) %}
{% set even = g.column_bytes(2 * L * t) %}
{% set odd = g.column_bytes(2 * L * t + 1) %}
(local.set $v_lo (v128.load offset={{ 32 * t }} @i_src))
(local.set $v_hi (v128.load offset={{ 32 * t + 16 }} @i_src))
(v128.store offset={{ even }} @i_dst (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 @v_lo @v_hi))
(v128.store offset={{ odd }} @i_dst (i8x16.shuffle 4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31 @v_lo @v_hi))
{% endfor %}
{% for x in range(2 * L * pairs, g.w) %}
(f32.store offset={{ g.column_bytes(x) }} @i_dst (f32.load offset={{ 4 * x }} @i_src))
{% endfor %}
{% endif %}
{{ bump("i_src", 4 * g.w) }}
{{ bump("i_dst", g.row_bytes) }}
{% endcall %}
{% endmacro %}

{# Operands of an epilogue `e`, e.g. bias or a residual: "channel" is one float an output channel, "full" lies like the
   output (byte offset $i_co), "pixel" is one value a pixel for all channels ($i_po). `n` is the channel. `e.p` sets the
   names of a second epilogue in one kernel apart. #}
{% macro operand_pointers(e, n) %}
{% for kind in e.operands %}
{% set o = e.p ~ "o" ~ loop.index0 %}
{% set offset = {"channel": "(i32.shl %s #2)" % n, "full": "@i_co", "pixel": "@i_po"}[kind] %}
(local.set $i_{{ o }} (i32.add @{{ e.p }}op{{ loop.index0 }} {{ offset }}))
{% endfor %}
{% endmacro %}

{# Applies the epilogue to tile $v_c<i>_<j> and stores it. at[i] is vector i's byte offset within a channel plane. #}
{% macro store_tile(mv, nr, pitch, e, at) %}
{% for j in range(nr) %}
{% for kind in e.operands %}
{% if kind == "channel" and loop.index0 != e.initial %}
{% set o = e.p ~ "o" ~ loop.index0 %}
(local.set $v_{{ o }} (V.splat_load offset={{ 4 * j }} @i_{{ o }}))
{% endif %}
{% endfor %}
{% for i in range(mv) %}
{% set leaves = ["@v_c%d_%d" % (i, j)] %}
{% for kind in e.operands %}
{% set o = e.p ~ "o" ~ loop.index0 %}
{% if kind == "channel" %}
{% do leaves.append("@v_" ~ o if loop.index0 != e.initial else "unused") %}
{% else %}
{% do leaves.append("(V.load offset=%d @i_%s)" % (at[i] + (j * pitch if kind == "full" else 0), o)) %}
{% endif %}
{% endfor %}
(V.store offset={{ j * pitch + at[i] }} @i_cp {{ expr(e.expr, *leaves) }})
{% endfor %}
{% endfor %}
{% endmacro %}

{# Products of a tile for one k: weights (already splat) at $i_pk + w_offset, input vectors at
   $i_ak + at[i] + a_offset. `tile` tells how (see tuning.py): its `cut` ends a basic block after so many vectors. #}
{% macro tile_step(mv, nr, at, a_offset, w_offset, tile, L) %}
{% for j in range(nr) %}
(local.set $v_w{{ j }} (V.load offset={{ w_offset + 4 * L * j }} @i_pk))
{% endfor %}
{% for i in range(mv) %}
(local.set $v_a (V.load offset={{ a_offset + at[i] }} @i_ak))
{% for j in range(nr) %}
{{ madd("v_c%d_%d" % (i, j), "@v_a", "@v_w%d" % j, tile.relaxed) }}
{% endfor %}
{% if tile.cut and i % tile.cut == tile.cut - 1 %}
{{ cut("k") }}
{% endif %}
{% endfor %}
{% endmacro %}

{# Ends a basic block: leaves block $E_<name> if $i_never, which is 0, but the compiler cannot know. Cranelift loads
   everything that a basic block needs first and computes last, so an unrolled loop without such cuts spills; with a cut
   behind each vector, 6 by 2 and 13 by 1 sums fit into 16 registers. #}
{% macro cut(name) %}
(br_if $E_{{ name }} @i_never)
{% endmacro %}

{# Sums a tile over k steps; weights at $i_pk are consecutive. Inputs at $i_ak move by `step` bytes, or, when that is 0,
   are found at $i_a plus the next offset of the table at $i_tab. Unrolling keeps the accumulators from being copied
   back to where the loop began. #}
{% macro products(mv, nr, at, k, step, tile, L) %}
{% set w_step = 4 * L * nr %}
{% set unroll = tile.unroll %}
{% macro steps(n) %}
{% for u in range(n) %}
{% if u and not (tile.cut and mv % tile.cut == 0) %}
{{ cut("k") }}
{% endif %}
{% if not step %}
(local.set $i_ak (i32.add @i_a (i32.load offset={{ 4 * u }} @i_tab)))
{% endif %}
{{ tile_step(mv, nr, at, u * step, u * w_step, tile, L) }}
{% endfor %}
{{ bump("i_ak", n * step) if step else bump("i_tab", 4 * n) }}
{{ bump("i_pk", n * w_step) }}
{% endmacro %}
(block $E_k
{% if k % unroll %}
{{ steps(k % unroll) }}
{% endif %}
{% if k // unroll %}
{% call repeat("k", "#%d" % (k // unroll)) %}
{{ steps(unroll) }}
{% endcall %}
{% endif %}
)
{% endmacro %}

{# Starts the accumulators of a tile: at zero, or at the channel operand that is the epilogue's `initial`. #}
{% macro start_tile(mv, nr, e) %}
{% for j in range(nr) %}
(local.set $v_i {{ vconst(0) if e.initial < 0 else "(V.splat_load offset=%d @i_%so%d)" % (4 * j, e.p, e.initial) }})
{% for i in range(mv) %}
(local.set $v_c{{ i }}_{{ j }} @v_i)
{% endfor %}
{% endfor %}
{% endmacro %}

{# Takes up the sums of a tile that keep_tile left in the output. #}
{% macro load_tile(mv, nr, pitch, at) %}
{% for j in range(nr) %}
{% for i in range(mv) %}
(local.set $v_c{{ i }}_{{ j }} (V.load offset={{ j * pitch + at[i] }} @i_cp))
{% endfor %}
{% endfor %}
{% endmacro %}

{% macro keep_tile(mv, nr, pitch, at) %}
{% for j in range(nr) %}
{% for i in range(mv) %}
(V.store offset={{ j * pitch + at[i] }} @i_cp @v_c{{ i }}_{{ j }})
{% endfor %}
{% endfor %}
{% endmacro %}

{# Runs the body for each tile of an image: `rt` rows by `vt` vectors, at_in and at_out their byte offsets. $i_a is the
   tile's corner in the padded plane that begins at `plane`, $i_co its place in the output, $i_po that within a plane.
   From right to left, see row_tiles in layouts.py. #}
{% macro image_tiles(t, plane, L) %}
{% set body = caller %}
{% for rt, row, rows, parts in t.sections %}
(local.set $i_row #{{ row * t.row_step + t.column_step * t.vectors }})
(local.set $i_ro (i32.add #{{ row * t.row_out + 4 * L * t.vectors }} (i32.mul @i_n #{{ t.pitch_out }})))
{% call repeat("y", "#%d" % rows) %}
(local.set $i_a (i32.add {{ plane }} @i_row))
(local.set $i_co @i_ro)
{% for vt, vecs in parts %}
{% call repeat("x", "#%d" % vecs) %}
{{ bump("i_a", -vt * t.column_step) }}
{{ bump("i_co", -vt * 4 * L) }}
{% set at_in, at_out = [], [] %}
{% for r in range(rt) %}
{% for v in range(vt) %}
{% do at_in.append(r * t.row_step + v * t.column_step) %}
{% do at_out.append(r * t.row_out + v * 4 * L) %}
{% endfor %}
{% endfor %}
(local.set $i_po (i32.sub @i_co (i32.mul @i_n #{{ t.pitch_out }})))
{{ body(rt, vt, at_in, at_out) }}
{% endcall %}
{% endfor %}
{{ bump("i_row", rt * t.row_step) }}
{{ bump("i_ro", rt * t.row_out) }}
{% endcall %}
{% endfor %}
{% endmacro %}

{# What one input vector, in a local, does to sum or fold $<acc>. The instructions for max pass over NaN, like TF.js's
   comparison; scalar ones of the standard would branch. #}
{% macro combine(w, acc, a, weight, L) %}
{% if w.combine == "madd" %}
{{ madd(acc, a, weight, w.tile.relaxed) }}
{% elif w.combine == "max" %}
(local.set ${{ acc }} {{ "(V.pmax @%s %s)" % (acc, a) if L > 1 else "(select %s @%s (f32.lt @%s %s))" % (a, acc, acc, a) }})
{% else %}
(local.set ${{ acc }} (V.{{ w.combine }} @{{ acc }} {{ a }}))
{% endif %}
{% endmacro %}

{# All taps of a small window, one after the other: a column of weights in registers, and each vector of input that is
   loaded serves all rows of the tile that need it. #}
{% macro window_taps(w, rt, vt, L) %}
(block $E_k
{% for column in w.columns %}
{% set kx = loop.index0 %}
{% if w.combine == "madd" %}
{% for ky in range(w.kh) %}
(local.set $v_w{{ ky }} (V.load offset={{ 4 * L * (ky * w.columns | length + kx) }} @i_pk))
{% endfor %}
{% endif %}
{% for offset, users in w.shared_rows(rt) %}
{% for v in range(vt) %}
(local.set $v_a (V.load offset={{ offset + column + w.tiles.column_step * v }} @i_a))
{% for r, ky in users %}
{{ combine(w, "v_c%d_0" % (r * vt + v), "@v_a", "@v_w%d" % ky, L) }}
{% endfor %}
{% if w.tile.cut %}
{{ cut("k") }}
{% endif %}
{% endfor %}
{% endfor %}
{% endfor %}
)
{% endmacro %}

{# One window over one padded plane, for output channel $i_n: sums with the weights splat at `panel`, or folds
   with an instruction (`w.combine`). Taps of large windows are found through `table`. #}
{% macro window_plane(w, e, plane, panel, table, L) %}
{% call(rt, vt, at_in, at_out) image_tiles(w.tiles, plane, L) %}
{% set mv = rt * vt %}
{{ operand_pointers(e, "@i_n") }}
{% if w.combine == "madd" %}
{{ start_tile(mv, 1, e) }}
(local.set $i_pk {{ panel }})
{% else %}
{% for i in range(mv) %}
(local.set $v_c{{ i }}_0 {{ vconst(w.start) }})
{% endfor %}
{% endif %}
{% if w.columns %}
{{ window_taps(w, rt, vt, L) }}
{% elif w.combine == "madd" %}
(local.set $i_tab {{ table }})
{{ products(mv, 1, at_in, w.k, 0, w.tile, L) }}
{% else %}
(local.set $i_tab {{ table }})
{% call repeat("k", "#%d" % w.k) %}
(local.set $i_ak (i32.add @i_a (i32.load @i_tab)))
{% for i in range(mv) %}
(local.set $v_a (V.load offset={{ at_in[i] }} @i_ak))
{{ combine(w, "v_c%d_0" % i, "@v_a", "", L) }}
{% endfor %}
{{ bump("i_tab", 4) }}
{% endcall %}
{% endif %}
(local.set $i_cp (i32.add @c @i_co))
{{ store_tile(mv, 1, w.tiles.pitch_out, e, at_out) }}
{% endcall %}
{% endmacro %}
