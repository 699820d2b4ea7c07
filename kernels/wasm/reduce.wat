{# Folds the middle of [outer][n][inner]. `dtypes` are those of an element, of a sum and of a result, `sizes` the bytes of
   each. Expression 0 finishes a sum (mean, root, ...), 1 folds two sums, 2 takes an element into a sum, 3 is where a
   sum starts. Rows of the inner extent lie `step` elements apart, outer slices `pitch`. With `in_rows` so
   many rows are folded at once. lo..hi are outer slices. #}
{% import "macros.wat" as m with context %}
{% set wide, wide_of_sum, wide_out = vector(dtypes[0]), vector(dtypes[1]), vector(dtypes[2]) %}
{% set one, one_out = single(dtypes[0]), single(dtypes[2]) %}
{% set wide_sum = wide_of_sum.local %}
{% set one_sum = {"v": "f", "m": "i"}[wide_sum] %}
{% set item, item_out = sizes[0], sizes[2] %}
{# `times` times `count` results side by side, each the fold of n elements that lie `step` apart. #}
{% macro across(times, count, lanes, kind, out, acc, text) %}
{% if times %}
{% call m.repeat("v", "#%d" % times) %}
{% for u in range(count) %}
(local.set ${{ acc }}_a{{ u }} {{ text(3) }})
{% endfor %}
(local.set $i_p @i_x)
{% call m.repeat("n", "#%d" % n) %}
{% for u in range(count) %}
(local.set ${{ acc }}_a{{ u }} {{ text(2, "@%s_a%d" % (acc, u), kind.load.format("offset=%d @i_p" % (item * lanes * u))) }})
{% endfor %}
{{ m.bump("i_p", item * step) }}
{% endcall %}
{% for u in range(count) %}
{{ out.store.format("(i32.add @i_c #%d)" % (item_out * lanes * u), text(0, "@%s_a%d" % (acc, u))) }}
{% endfor %}
{{ m.bump("i_x", item * lanes * count) }}
{{ m.bump("i_c", item_out * lanes * count) }}
{% endcall %}
{% endif %}
{% endmacro %}
{# Folds `count` rows of vectors into the results, which hold the sums so far, or start them. #}
{% macro down(count, starts) %}
(local.set $i_p @i_x)
(local.set $i_q @i_c)
{% call m.repeat("v", "#%d" % (inner // (2 * L))) %}
{% for u in range(2) %}
{% set at = item_out * L * u %}
(local.set ${{ wide_sum }}_a {{ expr(3) if starts else wide_out.load.format("offset=%d @i_q" % at) }})
{% for row in range(count) %}
(local.set ${{ wide_sum }}_a {{ expr(2, "@%s_a" % wide_sum, wide.load.format("offset=%d @i_p" % (item * (row * step + L * u)))) }})
{% endfor %}
{{ wide_out.store.format("offset=%d @i_q" % at, "@%s_a" % wide_sum) }}
{% endfor %}
{{ m.bump("i_p", 2 * item * L) }}
{{ m.bump("i_q", 2 * item_out * L) }}
{% endcall %}
{{ m.bump("i_x", item * step * count) }}
{% endmacro %}
{% call m.for("o", "@lo", "@hi") %}
(local.set $i_x (i32.add @x (i32.mul @i_o #{{ item * pitch }})))
(local.set $i_c (i32.add @c (i32.mul @i_o #{{ item_out * inner }})))
{% if inner == 1 %}
{# Contiguous: four vectors at a time, then lanes, then the rest. #}
(local.set ${{ one_sum }}_acc {{ scalar_expr(3) }})
{% set rounds = n // (4 * L) %}
{% if rounds %}
{% for u in range(4) %}
(local.set ${{ wide_sum }}_a{{ u }} {{ expr(3) }})
{% endfor %}
{% call m.repeat("w", "#%d" % rounds) %}
{% for u in range(4) %}
(local.set ${{ wide_sum }}_a{{ u }} {{ expr(2, "@%s_a%d" % (wide_sum, u), wide.load.format("offset=%d @i_x" % (item * L * u))) }})
{% endfor %}
{{ m.bump("i_x", 4 * item * L) }}
{% endcall %}
{% for to, of in ((0, 1), (2, 3), (0, 2)) %}
(local.set ${{ wide_sum }}_a{{ to }} {{ expr(1, "@%s_a%d" % (wide_sum, to), "@%s_a%d" % (wide_sum, of)) }})
{% endfor %}
{% for lane in range(L) %}
(local.set ${{ one_sum }}_acc {{ scalar_expr(1, "@%s_acc" % one_sum, wide_of_sum.lane(lane).format("@%s_a0" % wide_sum)) }})
{% endfor %}
{% endif %}
{% if n % (4 * L) %}
{% call m.repeat("t", "#%d" % (n % (4 * L))) %}
(local.set ${{ one_sum }}_acc {{ scalar_expr(2, "@%s_acc" % one_sum, one.load.format("@i_x")) }})
{{ m.bump("i_x", item) }}
{% endcall %}
{% endif %}
{{ one_out.store.format("@i_c", scalar_expr(0, "@%s_acc" % one_sum)) }}
{% elif in_rows %}
{# Some rows at a time, each read from its beginning to its end: down the columns every element is on another page. #}
{{ down(in_rows, true) }}
{% if n // in_rows > 1 %}
{% call m.repeat("n", "#%d" % (n // in_rows - 1)) %}
{{ down(in_rows, false) }}
{% endcall %}
{% endif %}
{% if n % in_rows %}
{{ down(n % in_rows, false) }}
{% endif %}
{% call m.repeat("v", "#%d" % (inner // L)) %}
(local.set ${{ wide_sum }}_a {{ wide_out.load.format("@i_c") }})
{{ wide_out.store.format("@i_c", expr(0, "@%s_a" % wide_sum)) }}
{{ m.bump("i_c", item_out * L) }}
{% endcall %}
{% else %}
{# A line of the cache at a time, then vectors, then the rest one by one. #}
{{ across(inner // (4 * L), 4, L, wide, wide_out, wide_sum, expr) }}
{{ across(inner % (4 * L) // L, 1, L, wide, wide_out, wide_sum, expr) }}
{{ across(inner % L, 1, 1, one, one_out, one_sum, scalar_expr) }}
{% endif %}
{% endcall %}
