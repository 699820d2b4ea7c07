{# A band of rows of a plane, padded, in scratch: what some rows of output read. `g` is the geometry of the band. #}
{% import "macros.wat" as m with context %}

{# Finds the rows of the band that are inside the image of height `h`, $i_y0 up to $i_y1, and sets all of it to zero:
   what is outside stays so. `row` is the first row of output, `top` the padding. #}
{% macro begin(g, row, top, h, stride) %}
(local.set $i_above (i32.sub (i32.mul {{ row }} #{{ stride }}) #{{ top }}))
(local.set $i_y0 (select (i32.sub #0 @i_above) #0 (i32.lt_s @i_above #0)))
(local.set $i_y1 (i32.sub #{{ h }} @i_above))
(if (i32.gt_s @i_y1 #{{ g.rows }}) (then (local.set $i_y1 #{{ g.rows }})))
(local.set $i_f @scratch)
{{ m.fill("f", g.plane_bytes // 4, vconst(0), L) }}
{% endmacro %}

{# Copies those rows of the plane at `plane` (text). #}
{% macro copy(g, plane) %}
(if (i32.lt_s @i_y0 @i_y1) (then
(local.set $i_src (i32.add {{ plane }} (i32.mul (i32.add @i_above @i_y0) #{{ 4 * g.w }})))
(local.set $i_dst (i32.add @scratch (i32.mul @i_y0 #{{ g.row_bytes }})))
{{ m.copy_rows(g, "(i32.sub @i_y1 @i_y0)", L) }}))
{% endmacro %}
