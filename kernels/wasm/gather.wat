{# Slices by index: [rows][outer][length][inner] and [rows][count] indices to [rows][outer][count][inner], in words or
   bytes (`item` 1). Unless `check` is 0, because they are checked already, an index that is out of range ends the run.
   lo..hi are the slices of the result. #}
{% import "macros.wat" as m with context %}
{% import "int8_macros.wat" as q with context %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_block (i32.div_u @i_u #{{ count }}))
(local.set $i_index (i32.load (i32.add @indices (i32.shl (i32.add (i32.mul (i32.div_u @i_block #{{ outer }}) #{{ count }}) (i32.rem_u @i_u #{{ count }})) #2))))
{% if check %}
(if (i32.ge_u @i_index #{{ length }}) (then
{{ m.fault(check, "@i_index", length) }}
))
{% endif %}
(local.set $i_from (i32.add @x (i32.mul (i32.add (i32.mul @i_block #{{ length }}) @i_index) #{{ item * inner }})))
(local.set $i_to (i32.add @c (i32.mul @i_u #{{ item * inner }})))
{{ q.copy_bytes("@i_to", "@i_from", item * inner) }}
{% endcall %}
