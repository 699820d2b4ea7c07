{# Moves 4-byte elements where the axis whose elements are neighbours changes: blocks of `rows` by 4 are turned in
   vectors, or moved one by one in the scalar variant. A block reads along axis i, whose elements are neighbours in the source and `di` apart in the result, and
   writes along axis j, `sj` apart in the source. Axes shorter than a vector are one part of it; the last block of a
   longer one begins inside of the block before it. `outer` are the other axes: (length, source, result).
   lo..hi count blocks of i, within chunks of j, within the other axes, so that lines are used while they are near. #}
{% import "macros.wat" as m with context %}
{% import "columns_macros.wat" as columns with context %}
{% set across, down = [i, 4] | min, [j, 4] | min %}
{% macro block() %}
{% if L == 1 %}
{% for x in range(rows) %}
{% for y in range(down) %}
(i32.store offset={{ 4 * (x * di + y) }} @i_to (i32.load offset={{ 4 * (x + y * sj) }} @i_from))
{% endfor %}
{% endfor %}
{% else %}
{% for x in range(0, rows, 4) %}
{% for y in range(down) %}
(local.set $v_{{ y }} {{ columns.load_part(across, 4 * (x + y * sj), "@i_from") }})
{% endfor %}
{{ columns.turn("v_0", "v_%d" % ([1, down - 1] | min), "v_%d" % ([2, down - 1] | min), "v_%d" % ([3, down - 1] | min)) }}
{% for lane in range(across) %}
{{ columns.store_part(down, 4 * (x + lane) * di, "@i_to", "@v_u%d" % lane) }}
{% endfor %}
{% endfor %}
{% endif %}
{% endmacro %}
{# An index times a step, of which the last one begins early. #}
{% macro begin(index, step, length) %}
(select (i32.mul {{ index }} #{{ step }}) #{{ length - step }} (i32.lt_u (i32.mul {{ index }} #{{ step }}) #{{ length - step }}))
{%- endmacro %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_bi (i32.rem_u @i_u #{{ blocks }}))
(if (i32.or (i32.eqz @i_bi) (i32.eq @i_u @lo)) (then
(local.set $i_o (i32.div_u @i_u #{{ blocks }}))
(local.set $i_bj (i32.rem_u @i_o #{{ chunks }}))
(local.set $i_o (i32.div_u @i_o #{{ chunks }}))
(local.set $i_bj {{ begin("@i_bj", chunk, j) }})
(local.set $i_s (i32.add @x (i32.mul @i_bj #{{ 4 * sj }})))
(local.set $i_d (i32.add @c (i32.shl @i_bj #2)))
{% for length, source, result in outer | reverse %}
(local.set $i_r (i32.rem_u @i_o #{{ length }}))
(local.set $i_o (i32.div_u @i_o #{{ length }}))
(local.set $i_s (i32.add @i_s (i32.mul @i_r #{{ 4 * source }})))
(local.set $i_d (i32.add @i_d (i32.mul @i_r #{{ 4 * result }})))
{% endfor %}
))
(local.set $i_bi {{ begin("@i_bi", rows, i) }})
(local.set $i_from (i32.add @i_s (i32.shl @i_bi #2)))
(local.set $i_to (i32.add @i_d (i32.mul @i_bi #{{ 4 * di }})))
{% if chunk % 4 and chunk > 4 %}
(local.set $i_last (i32.add @i_from #{{ 4 * (chunk - 4) * sj }}))
(local.set $i_end (i32.add @i_to #{{ 4 * (chunk - 4) }}))
{% endif %}
{% call m.repeat("j", "#%d" % ([chunk // 4, 1] | max)) %}
{{ block() }}
{{ m.bump("i_from", 16 * sj) }}
{{ m.bump("i_to", 16) }}
{% endcall %}
{% if chunk % 4 and chunk > 4 %}
(local.set $i_from @i_last)
(local.set $i_to @i_end)
{{ block() }}
{% endif %}
{% endcall %}
