import { staff, type StaffMember } from '../api/staff';
import { ApiError } from '../api/http';
import { useLoad } from './hooks';

/** Who is signed in; `null` while nobody is. */
export function useStaff(roles: StaffMember['role'][]) {
  const me = useLoad<StaffMember | null>('me', async () => {
    try {
      return await staff.me();
    } catch (error) {
      if (error instanceof ApiError && error.problem === 'signed-out') return null;
      throw error;
    }
  });
  const wrongRole = !!me.value && !roles.includes(me.value.role);
  const signOut = () => void staff.signout().then(me.again, me.again);
  return { ...me, wrongRole, signOut };
}
